"""Who decides: a submission's process only answers; what the answers are worth is judged outside of it.

inside       in the sandbox: drives the student's function on inputs drawn from a seed, hands the answers back
wire         how answers travel: plain data and arrays, limited in size, never code
seeds        which inputs a submission gets: unpredictable for its author, the same at a regrade
trusted      outside: draws the same inputs, runs the reference, compares, writes the cell's outputs
examination  all of that for the tests of one notebook
"""

# Here, where importing them imports nothing else: not torch, above all.
ANSWER_MIME = "application/vnd.cv-course.answer"
MAX_BYTES = 48_000_000
