"""The journal: who did what to what, when, from where, and with which outcome; kept by adding only.

``events`` says what happened and who is acting, ``chain`` joins entries by their hashes and finds what was changed,
``store`` writes them in the transaction of the action and reads them. What needs no database imports no ``store``.
"""
