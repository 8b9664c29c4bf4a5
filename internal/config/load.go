package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"beckon/agents"
)

var errTooLarge = errors.New("is too large")

// Load reads a file and lays the environment over it; an empty path is no file at all. What is wrong with the
// content comes as an *Error, all of it at once, except for references to other resources: those are for Catalog to
// check, which knows the database's as well.
func Load(path string, env Env) (*Config, error) {
	c, found := read(path, env)
	if err := found.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Check finds everything that is wrong with a file, references included, in one go.
func Check(path string, env Env, how agents.Factories, database Resources) error {
	c, found := read(path, env)
	if c != nil {
		c.build(how, env, database, found)
	}
	return found.err()
}

// read returns no Config when the file is not even YAML.
func read(path string, env Env) (*Config, *findings) {
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
	return readData(path, data, env, found), found
}

func readData(path string, data []byte, env Env, found *findings) *Config {
	c := defaults()
	c.file, c.hash = path, hashOf(data)
	if c.tree = parse(data, found); c.tree == nil {
		return nil
	}
	if c.tree.root != nil {
		d := decoder{doc: c.tree, env: env, found: found, lines: c.lines}
		d.value(c.tree.root, reflect.ValueOf(c).Elem(), "")
	}
	for key := range c.settings() {
		if line := c.lines[key]; line > 0 {
			c.sources[key] = Origin{File: path, Line: line}
		}
	}
	c.override(env, found)
	c.checkSettings(found)
	c.checkResources(found)
	c.hidden = found.hidden
	return c
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
