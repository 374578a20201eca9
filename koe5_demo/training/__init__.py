"""Training: KoE5's published recipe (`koe5`) and the embedded model (`mini`)."""
