"""Which version this is, apart from everything else, so that the command can say it without the web framework."""

VERSION = "0.1.0"
