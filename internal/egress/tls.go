package egress

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"

	"beckon/internal/problem"
)

// TLSFiles is what the files hold that the configuration names for TLS towards receivers; nil where it names none.
// The names of the fields are those of its keys: clientCert, clientKey, ca.
type TLSFiles struct {
	ClientCert []byte // PEM: the certificate that is shown to a receiver that asks for one, with its chain behind it
	ClientKey  []byte // PEM: its key; nil where ClientCert has it
	CA         []byte // PEM: who may sign the certificates of receivers, besides those that this machine trusts
}

// Fingerprint differs where the content differs.
func (f TLSFiles) Fingerprint() string {
	h := sha256.New()
	for _, content := range [][]byte{f.ClientCert, f.ClientKey, f.CA} {
		fmt.Fprintf(h, "%d %t ", len(content), content == nil)
		h.Write(content)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// TLS is how receivers are met over TLS. The zero one trusts what this machine trusts and has no certificate of its
// own.
type TLS struct {
	fingerprint string
	roots       *x509.CertPool // nil: those of this machine
	own         []tls.Certificate
}

// Fingerprint is that of the files that it was read from.
func (t *TLS) Fingerprint() string { return t.fingerprint }

// ReadTLS reads what the files hold. What is wrong never quotes them.
func ReadTLS(f TLSFiles) (t *TLS, wrong problem.Fields) {
	t = &TLS{fingerprint: f.Fingerprint()}
	if f.ClientCert != nil {
		t.own = readOwn(f, &wrong)
	} else if f.ClientKey != nil {
		wrong.Add("clientKey", "is of use only with clientCert, the certificate that it belongs to")
	}
	if f.CA != nil {
		t.roots = readRoots(f.CA, &wrong)
	}
	return t, wrong
}

func readOwn(f TLSFiles, wrong *problem.Fields) []tls.Certificate {
	if _, text := certificates(f.ClientCert); text != "" {
		wrong.Add("clientCert", "%s", text)
		return nil
	}
	path, key := "clientKey", f.ClientKey
	if key == nil {
		path, key = "clientCert", f.ClientCert
	}
	switch block := find(key, "PRIVATE KEY"); {
	case block == nil && f.ClientKey == nil:
		wrong.Add("clientKey", "is required: the file of clientCert has no private key")
		return nil
	case block == nil:
		wrong.Add(path, "the file has no private key in PEM, which begins with -----BEGIN PRIVATE KEY-----")
		return nil
	case strings.HasPrefix(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "":
		wrong.Add(path,
			"the private key is encrypted with a passphrase: take that off with openssl pkey -in FILE -out NEWFILE")
		return nil
	}
	own, err := tls.X509KeyPair(f.ClientCert, key)
	if err != nil && strings.Contains(err.Error(), "does not match") {
		wrong.Add(path, "the private key does not belong to the first certificate of clientCert")
		return nil
	}
	if err != nil {
		wrong.Add(path, "the private key cannot be read; it must be RSA, ECDSA or Ed25519")
		return nil
	}
	return []tls.Certificate{own}
}

func readRoots(content []byte, wrong *problem.Fields) *x509.CertPool {
	list, text := certificates(content)
	if text != "" {
		wrong.Add("ca", "%s", text)
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	for _, c := range list {
		roots.AddCert(c)
	}
	return roots
}

// certificates returns those that a file holds, of which there must be one at least, or what is wrong.
func certificates(content []byte) (list []*x509.Certificate, wrong string) {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Sprintf("certificate %d of the file cannot be read", len(list)+1)
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, "the file has no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----"
	}
	return list, ""
}

// find returns the first block of a kind; nil when there is none.
func find(content []byte, kind string) *pem.Block {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, kind) {
			return block
		}
	}
	return nil
}

// Config is how a connection to a receiver is made.
func (t *TLS) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: t.roots, Certificates: t.own}
}
