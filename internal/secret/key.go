package secret

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ReadKeyFile returns the key in a file; there is an fs.ErrNotExist where there is none.
func ReadKeyFile(path string) (String, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the secrets key: %w", err)
	}
	if key := strings.TrimSpace(string(data)); key != "" {
		return String(key), nil
	}
	return "", fmt.Errorf("the secrets key %s is empty: restore it, or remove it to have a new one made", path)
}

// MakeKeyFile makes a file with a key of 32 random bytes, readable by its owner only. It returns the key, or the
// one that another process has put there in the meantime.
func MakeKeyFile(path string) (String, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	key := base64.StdEncoding.EncodeToString(raw)
	// The link makes it appear whole and at once: of two processes that make a key, one wins and both use it.
	f, err := os.CreateTemp(filepath.Dir(path), ".secrets-*")
	if err != nil {
		return "", fmt.Errorf("make a secrets key: %w", err)
	}
	defer os.Remove(f.Name())
	if _, err = f.WriteString(key + "\n"); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("make a secrets key: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return ReadKeyFile(path)
		}
		return "", fmt.Errorf("make a secrets key: %w", err)
	}
	return String(key), nil
}
