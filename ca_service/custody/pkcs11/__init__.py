"""Key stores on PKCS #11 tokens; the binding `python-pkcs11` is imported at the first use."""
