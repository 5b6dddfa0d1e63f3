"""``urna backup`` and ``urna restore``: both stores, what Redis holds, and the configuration, in one sealed file.

``sealing`` makes bytes unreadable and unchangeable without the passphrase, ``archive`` and ``columns`` put tables into
them, ``queue`` and ``stores`` read what there is, ``second_look`` completes what was received in between, ``loading``
and ``refilling`` write it into an empty deployment. docs/backup.md is for operators, docs/decisions/0021 says why.
"""
