"""Training: KoE5's published recipe (`koe5`) and the embedded model (`mini`).

KoE5's recipe is in `recipe`, `plan`, `data` and `koe5`; everything that makes the embedded model has a name that begins
with `mini`; `commands` is the command line of both.
"""
