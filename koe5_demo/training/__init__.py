"""Training by KoE5's published recipe: with its numbers (`koe5`), and in miniature for the embedded model (`mini`).

Both go the same way: `recipe` holds the numbers, `triplets` reads the rows, `base` opens the model to start from,
`trainer` trains, `run` goes from top to bottom, `commands` is the command line.
"""
