"""A certificate authority for the tests, on the openssl command: valid, expired, misnamed and self-signed certificates."""
# SPDX-License-Identifier: Apache-2.0
import datetime
import pathlib
import subprocess

CA_CONFIG = """\
[ca]
default_ca = tests
[tests]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = anything
unique_subject = no
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
[anything]
commonName = supplied
"""


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """Mints P-256 certificates. Each comes as one PEM file, key first, then the leaf, as nginx and Postfix read it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = self.folder / "ca.pem"
        (self.folder / "index.txt").touch()
        (self.folder / "ca.cnf").write_text(CA_CONFIG.format(folder=self.folder))
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 3650,
                "-subj", "/CN=End-to-end test CA", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout", self.folder / "ca.key", "-out", self.ca_file)

    def mint(self, name, dns_names, days=90):
        """A certificate for dns_names that is valid until `days` from now; a negative number makes it expired."""
        now = datetime.datetime.now(datetime.timezone.utc)
        request, leaf, key = (self.folder / f"{name}.{kind}" for kind in ("csr", "crt", "key"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n"
            "authorityKeyIdentifier=keyid\nsubjectAltName=" + ",".join(f"DNS:{dns}" for dns in dns_names) + "\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={dns_names[0]}",
                "-keyout", key, "-out", request)
        openssl("ca", "-batch", "-notext", "-config", self.folder / "ca.cnf", "-in", request, "-out", leaf,
                "-extfile", extensions, "-startdate", asn1_time(now - datetime.timedelta(days=100)),
                "-enddate", asn1_time(now + datetime.timedelta(days=days)))
        return self._join(name, key, leaf)

    def mint_self_signed(self, name, dns_names):
        key, leaf = self.folder / f"{name}.key", self.folder / f"{name}.crt"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 90,
                "-subj", f"/CN={dns_names[0]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{dns}" for dns in dns_names),
                "-keyout", key, "-out", leaf)
        return self._join(name, key, leaf)

    def _join(self, name, key, leaf):
        chain = self.folder / f"{name}.pem"
        chain.write_text(key.read_text() + leaf.read_text())
        chain.chmod(0o600)
        return chain


def asn1_time(moment):
    return moment.strftime("%Y%m%d%H%M%SZ")
