package config

import (
	"context"
	"errors"
	"strings"

	"beckon/internal/egress"
	"beckon/internal/problem"
)

// maxPEMBytes bounds a file with certificates: all that a machine trusts are a quarter of it.
const maxPEMBytes = 1 << 20

// TLS is how receivers are met over TLS, as the files of egress said when the configuration was loaded.
func (c *Config) TLS() *egress.TLS { return c.tls }

// readTLS reads the files of egress.
func (c *Config) readTLS(found *findings) {
	files, wrong := c.Egress.tlsFiles()
	if len(wrong) == 0 {
		c.tls, wrong = egress.ReadTLS(files)
	}
	for _, f := range wrong {
		c.wrong(found, "egress."+f.Path, "%s", f.Message)
	}
}

// tlsFiles reads the files. What is wrong shows no path: somebody may have put the key itself in its place.
func (e Egress) tlsFiles() (files egress.TLSFiles, wrong problem.Fields) {
	read := func(key, path string) []byte {
		if path == "" {
			return nil
		}
		if strings.Contains(path, "-----BEGIN") {
			wrong.Add(key, "must be the path of a file, not what is in it")
			return nil
		}
		data, err := readLimited(path, maxPEMBytes)
		switch {
		case errors.Is(err, errTooLarge):
			wrong.Add(key, "the file is larger than %d MiB", maxPEMBytes>>20)
		case err != nil:
			wrong.Add(key, "the file cannot be read: %s", reason(err))
		}
		return data
	}
	files = egress.TLSFiles{
		ClientCert: read("clientCert", e.ClientCert),
		ClientKey:  read("clientKey", e.ClientKey),
		CA:         read("ca", e.CA),
	}
	return files, wrong
}

// tlsChanged reports whether the files can be read and hold something else by now.
func (c *Config) tlsChanged() bool {
	files, wrong := c.Egress.tlsFiles()
	return len(wrong) == 0 && files.Fingerprint() != c.tls.Fingerprint()
}

// TLSSource watches the files that egress of the configuration in force names. Like that of the configuration,
// their change counts once two looks have seen the same content: a certificate and its key are written one after
// the other.
func TLSSource(inForce func() *Config) Source {
	settled := inForce().tls.Fingerprint()
	last := settled
	return Source{Name: "egress", Known: settled, Look: func(context.Context) (string, error) {
		files, wrong := inForce().Egress.tlsFiles()
		if err := wrong.Err(); err != nil {
			return "", err
		}
		now := files.Fingerprint()
		if now == last {
			settled = now
		}
		last = now
		return settled, nil
	}}
}
