"""What more than one service applies: settings, terms, errors, tokens, the web layer, the stores and the queue."""
