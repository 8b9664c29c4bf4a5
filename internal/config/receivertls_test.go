package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress/egresstest"
)

func TestFilesOfEgress(t *testing.T) {
	a, folder := egresstest.NewAuthority(t), t.TempDir()
	save := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	cert, key := a.Issue(t, "first", time.Hour)
	certFile, keyFile, caFile := save("cert.pem", cert), save("key.pem", key), save("ca.pem", a.PEM)
	content := fmt.Sprintf("egress:\n  clientCert: %q\n  clientKey: %q\n  ca: %q\n", certFile, keyFile, caFile)
	file := write(t, content)
	c, err := Load(file, vars{}.get, nouns(nil))
	require.NoError(t, err)
	var shown []string
	for _, s := range c.Settings() {
		if strings.HasPrefix(s.Key, "egress.c") {
			shown = append(shown, s.Key+" = "+s.Value)
		}
	}
	require.Equal(t, []string{"egress.clientCert = " + certFile, "egress.clientKey = " + keyFile, "egress.ca = " + caFile}, shown)
	apply, restart := Changes(load(t, "", nil), c)
	require.Equal(t, []string{"egress.clientCert", "egress.clientKey", "egress.ca"}, apply)
	require.Empty(t, restart)

	// Files that change are read again, and where they are wrong or gone what was read stays.
	source := TLSSource(func() *Config { return c })
	look := func() string {
		_, _ = source.Look(t.Context())
		print, err := source.Look(t.Context())
		require.NoError(t, err)
		return print
	}
	again := func() (*Config, error) { return c.Reload(vars{}.get) }
	require.Equal(t, source.Known, look())
	same, err := again()
	require.NoError(t, err)
	require.Same(t, c, same)
	next, nextKey := a.Issue(t, "second", time.Hour)
	save("cert.pem", next)
	require.NotEqual(t, source.Known, look())
	_, err = again()
	require.EqualError(t, err, file+":3: egress.clientKey: the private key does not belong to the first certificate of clientCert")
	save("key.pem", nextKey)
	changed, err := again()
	require.NoError(t, err)
	require.NotEqual(t, c.TLS().Fingerprint(), changed.TLS().Fingerprint())
	require.Equal(t, changed.TLS().Fingerprint(), look())
	c = changed
	require.NoError(t, os.Remove(caFile))
	_, err = source.Look(t.Context())
	require.EqualError(t, err, "ca: the file cannot be read: no such file or directory")
	same, err = again()
	require.NoError(t, err)
	require.Same(t, c, same, "what cannot be read has not changed")
}

func TestMistakesInTheFilesOfEgress(t *testing.T) {
	folder := t.TempDir()
	large := filepath.Join(folder, "large")
	require.NoError(t, os.WriteFile(large, make([]byte, 1<<20+1), 0o600))
	for content, want := range map[string]string{
		"egress: {clientCert: /nowhere/hunter22}":              "config.yaml:1: egress.clientCert: the file cannot be read: no such file or directory",
		"egress: {ca: " + folder + "}":                         "config.yaml:1: egress.ca: the file cannot be read: is a directory",
		"egress: {ca: " + large + "}":                          "config.yaml:1: egress.ca: the file is larger than 1 MiB",
		"egress: {ca: receivertls_test.go}":                    "config.yaml:1: egress.ca: the file has no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----",
		"egress:\n  clientKey: \"-----BEGIN KEY----- hunter\"": "config.yaml:2: egress.clientKey: must be the path of a file, not what is in it",
		"egress: {clientKey: receivertls_test.go}":             "config.yaml:1: egress.clientKey: is of use only with clientCert, the certificate that it belongs to",
	} {
		require.Equal(t, []string{want}, complaints(t, content, nil), content)
	}
}
