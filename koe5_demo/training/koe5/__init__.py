"""KoE5's recipe carried out: `run` goes through it from top to bottom, `dry_run` reckons what that would take."""
