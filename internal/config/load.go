package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"beckon/internal/catalog"
)

var errTooLarge = errors.New("is too large")

// Load reads a file and lays the environment over it; an empty path is no file at all. What is wrong with the
// content comes as an *Error, all of it at once, except for references to other resources: those are for a catalog.View
// to check, which knows the database's as well.
func Load(path string, env catalog.Env, nouns *catalog.Registry) (*Config, error) {
	c, found := read(path, env, nouns)
	if err := found.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the same file again. When neither it nor the files of egress nor the skills have changed, it returns
// c itself.
func (c *Config) Reload(env catalog.Env) (*Config, error) {
	if c.file == "" {
		return c, nil
	}
	data, err := readLimited(c.file, maxFileBytes)
	if err == nil && hashOf(data) == c.hash && !c.tlsChanged() && !c.skillsChanged() {
		return c, nil
	}
	return Load(c.file, env, c.nouns)
}

// Check finds everything that is wrong with a file in one go. join makes the View of its resources, and of those of the
// database where it is to be looked at; Check returns it.
func Check(
	path string, env catalog.Env, nouns *catalog.Registry, join func(catalog.File) (*catalog.View, error),
) (*catalog.View, error) {
	c, found := read(path, env, nouns)
	if c == nil {
		return nil, found.err()
	}
	v, err := join(c)
	if err != nil {
		return nil, err
	}
	c.report(found, v.Mistakes())
	return v, found.err()
}

// read returns no Config when the file is not even YAML.
func read(path string, env catalog.Env, nouns *catalog.Registry) (*Config, *findings) {
	found := newFindings(path)
	var data []byte
	if path != "" {
		var err error
		switch data, err = readLimited(path, maxFileBytes); {
		case errors.Is(err, errTooLarge):
			found.add(0, "", "is larger than %d MiB", maxFileBytes>>20)
			return nil, found
		case err != nil:
			found.add(0, "", "cannot be read: %s", reason(err))
			return nil, found
		}
	}
	return readData(path, data, env, nouns, found), found
}

func readData(path string, data []byte, env catalog.Env, nouns *catalog.Registry, found *findings) *Config {
	c := defaults(nouns)
	c.file, c.hash, c.asked = path, hashOf(data), map[string]bool{}
	env = c.noting(env)
	if c.tree = parse(data, found); c.tree == nil {
		return nil
	}
	if c.tree.root != nil {
		d := decoder{doc: c.tree, env: env, found: found, lines: c.lines}
		d.root(c.tree.root, c)
	}
	for key := range c.settings() {
		if line := c.lines[key]; line > 0 {
			c.sources[key] = Origin{File: path, Line: line}
		}
	}
	c.override(env, found)
	c.checkSettings(found)
	c.hidden = found.hidden
	c.report(found, nouns.CheckFile(c))
	return c
}

// noting notes which variables are read.
func (c *Config) noting(env catalog.Env) catalog.Env {
	return func(name string) (string, bool) {
		c.asked[name] = true
		return env(name)
	}
}

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(data)) > limit {
		return nil, errTooLarge
	}
	return data, nil
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
