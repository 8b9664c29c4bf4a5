// Package egresstest makes certificates, and receivers that ask for them.
package egresstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Authority signs certificates.
type Authority struct {
	PEM  []byte // its own certificate
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority returns one that nobody trusts yet.
func NewAuthority(t testing.TB) *Authority {
	a := &Authority{}
	a.cert, a.key = sign(t, nil, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign })
	a.PEM = encode("CERTIFICATE", a.cert.Raw)
	return a
}

// Issue returns a certificate in that name, good for 127.0.0.1 until a time from now, and its key, in PEM.
func (a *Authority) Issue(t testing.TB, name string, until time.Duration) (cert, key []byte) {
	c, k := sign(t, a, func(c *x509.Certificate) {
		c.Subject.CommonName, c.NotAfter, c.IPAddresses = name, time.Now().Add(until), []net.IP{net.IPv4(127, 0, 0, 1)}
	})
	der, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	return encode("CERTIFICATE", c.Raw), encode("PRIVATE KEY", der)
}

// Receiver starts a server whose certificate the authority has signed, and which takes only clients that have one, too.
func (a *Authority) Receiver(t testing.TB, handle http.HandlerFunc) *httptest.Server {
	own, err := tls.X509KeyPair(a.Issue(t, "receiver", time.Hour))
	require.NoError(t, err)
	trusted := x509.NewCertPool()
	trusted.AddCert(a.cert)
	server := httptest.NewUnstartedServer(handle)
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{own},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    trusted,
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func sign(t testing.TB, by *Authority, change func(*x509.Certificate)) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: serial.String()},
		BasicConstraintsValid: true,
		NotBefore:             time.Now().Add(-2 * time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
	}
	change(template)
	if by == nil {
		by = &Authority{cert: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, &key.PublicKey, by.key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert, key
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
