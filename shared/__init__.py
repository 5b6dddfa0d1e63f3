"""What more than one service applies: settings, terms, errors, tokens, the web layer, the stores and the queue."""

import gc

# Every program begins here, and reads in objects by the hundred thousand that stay as long as it does. To look through
# them for garbage again and again took a fifth of the time until it had started.
gc.set_threshold(200_000, 20, 20)
