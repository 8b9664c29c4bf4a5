package egress_test

import (
	"bytes"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress"
	"beckon/internal/egress/egresstest"
)

func readTLS(t *testing.T, files egress.TLSFiles) *egress.TLS {
	t.Helper()
	read, wrong := egress.ReadTLS(files)
	require.Empty(t, wrong)
	return read
}

// A receiver that asks for a certificate gets the one in force, and no other way out has it.
func TestReceiversThatAskForACertificate(t *testing.T) {
	ours, others := egresstest.NewAuthority(t), egresstest.NewAuthority(t)
	var seen atomic.Value
	server := ours.Receiver(t, func(_ http.ResponseWriter, r *http.Request) { seen.Store(r.TLS.PeerCertificates[0].Subject.CommonName) })
	out := wayOut(t)
	post := func() error {
		_, err := out.Post(t.Context(), server.URL, nil, []byte("{}"), patience)
		return err
	}
	requireFailed(t, post(), "tls", "nobody that this machine trusts", "egress.ca")

	files := egress.TLSFiles{CA: ours.PEM}
	out.UseTLS(readTLS(t, files))
	requireFailed(t, post(), "tls", "asks for a client certificate", "egress.clientCert")
	files.ClientCert, files.ClientKey = others.Issue(t, "stranger", time.Hour)
	out.UseTLS(readTLS(t, files))
	requireFailed(t, post(), "tls", "client certificate", "egress.clientCert")
	files.ClientCert, files.ClientKey = ours.Issue(t, "old", -time.Hour)
	out.UseTLS(readTLS(t, files))
	requireFailed(t, post(), "tls", "does not accept the client certificate", "until when it is valid")

	files.ClientCert, files.ClientKey = ours.Issue(t, "first", time.Hour)
	out.UseTLS(readTLS(t, files))
	require.NoError(t, post())
	require.Equal(t, "first", seen.Load())
	cert, key := ours.Issue(t, "second", time.Hour)
	files.ClientCert, files.ClientKey = slices.Concat(key, cert), nil // in one file
	out.UseTLS(readTLS(t, files))
	require.NoError(t, post())
	require.Equal(t, "second", seen.Load(), "the connections of the first are not used any more")

	request, err := http.NewRequest(http.MethodPost, server.URL, nil)
	require.NoError(t, err)
	providers := egress.NewProviders()
	defer providers.CloseIdleConnections()
	_, err = providers.RoundTrip(request)
	require.ErrorContains(t, err, "certificate", "what is for receivers says nothing of providers")
}

func TestAnAuthorityOfYourOwnStandsBesideTheOthers(t *testing.T) {
	one, two := egresstest.NewAuthority(t), egresstest.NewAuthority(t)
	out := wayOut(t)
	files := egress.TLSFiles{CA: slices.Concat(one.PEM, []byte("# the second\n"), two.PEM)}
	for _, a := range []*egresstest.Authority{one, two} {
		files.ClientCert, files.ClientKey = a.Issue(t, "gateway", time.Hour)
		out.UseTLS(readTLS(t, files))
		_, err := out.Post(t.Context(), a.Receiver(t, func(http.ResponseWriter, *http.Request) {}).URL, nil, nil, patience)
		require.NoError(t, err)
	}
}

func TestFilesForTLSThatAreNotInOrder(t *testing.T) {
	a := egresstest.NewAuthority(t)
	cert, key := a.Issue(t, "gateway", time.Hour)
	_, another := a.Issue(t, "another", time.Hour)
	broken := bytes.Replace(cert, cert[40:60], bytes.Repeat([]byte("A"), 20), 1)
	encrypted := bytes.ReplaceAll(key, []byte("PRIVATE KEY"), []byte("ENCRYPTED PRIVATE KEY"))
	garbled := []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	for name, c := range map[string]struct {
		files      egress.TLSFiles
		path, says string
	}{
		"not PEM":          {egress.TLSFiles{ClientCert: []byte("hunter22"), ClientKey: key}, "clientCert", "no certificate in PEM"},
		"empty":            {egress.TLSFiles{ClientCert: []byte{}, ClientKey: key}, "clientCert", "no certificate in PEM"},
		"the key as cert":  {egress.TLSFiles{ClientCert: key, ClientKey: key}, "clientCert", "no certificate in PEM"},
		"broken":           {egress.TLSFiles{ClientCert: broken, ClientKey: key}, "clientCert", "certificate 1 of the file cannot be read"},
		"no key":           {egress.TLSFiles{ClientCert: cert}, "clientKey", "is required: the file of clientCert has no private key"},
		"key is not PEM":   {egress.TLSFiles{ClientCert: cert, ClientKey: []byte("hunter22")}, "clientKey", "no private key in PEM"},
		"cert as key":      {egress.TLSFiles{ClientCert: cert, ClientKey: cert}, "clientKey", "no private key in PEM"},
		"key of another":   {egress.TLSFiles{ClientCert: cert, ClientKey: another}, "clientKey", "does not belong to the first certificate of clientCert"},
		"another in one":   {egress.TLSFiles{ClientCert: slices.Concat(cert, another)}, "clientCert", "does not belong"},
		"encrypted key":    {egress.TLSFiles{ClientCert: cert, ClientKey: encrypted}, "clientKey", "openssl pkey"},
		"garbled key":      {egress.TLSFiles{ClientCert: cert, ClientKey: garbled}, "clientKey", "cannot be read"},
		"key without cert": {egress.TLSFiles{ClientKey: key}, "clientKey", "only with clientCert"},
		"no authority":     {egress.TLSFiles{CA: []byte("hunter22")}, "ca", "no certificate in PEM"},
		"broken authority": {egress.TLSFiles{CA: slices.Concat(a.PEM, broken)}, "ca", "certificate 2 of the file cannot be read"},
	} {
		_, wrong := egress.ReadTLS(c.files)
		require.Len(t, wrong, 1, name)
		require.Equal(t, c.path, wrong[0].Path, name)
		require.Contains(t, wrong[0].Message, c.says, name)
		require.NotContains(t, wrong[0].Message, "hunter22", name)
	}
	require.NotEqual(t, egress.TLSFiles{CA: a.PEM}.Fingerprint(), egress.TLSFiles{ClientCert: a.PEM}.Fingerprint())
	require.NotEqual(t, egress.TLSFiles{}.Fingerprint(), egress.TLSFiles{CA: []byte{}}.Fingerprint())
}
