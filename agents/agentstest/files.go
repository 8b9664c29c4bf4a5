// Package agentstest has an agents.Files for tests.
package agentstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"beckon/agents"
	"beckon/internal/problem"
)

// Files keeps files in memory. The zero value keeps files of any size.
type Files struct {
	MaxBytes int64 // of one file; 0 is any
	Discards bool  // it counts and hashes, and keeps nothing

	mu   sync.Mutex
	list []agents.Artifact
	data map[string][]byte
}

// Save implements agents.Files. The media type is by content alone.
func (f *Files) Save(_ context.Context, name, _ string, content io.Reader) (agents.Artifact, error) {
	var kept bytes.Buffer
	hash, begin := sha256.New(), make([]byte, 512)
	n, err := io.ReadFull(content, begin)
	if err != nil && !errors.Is(err, io.EOF) && err != io.ErrUnexpectedEOF {
		return agents.Artifact{}, err
	}
	to := []io.Writer{hash}
	if !f.Discards {
		to = append(to, &kept)
	}
	content = io.MultiReader(bytes.NewReader(begin[:n]), content)
	if f.MaxBytes > 0 {
		content = io.LimitReader(content, f.MaxBytes+1)
	}
	size, err := io.Copy(io.MultiWriter(to...), content)
	if err != nil {
		return agents.Artifact{}, err
	}
	if f.MaxBytes > 0 && size > f.MaxBytes {
		return agents.Artifact{}, problem.New(problem.TooLarge, problem.CodeArtifactTooLarge,
			"The file is larger than %d bytes.", f.MaxBytes)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a := agents.Artifact{
		ID:        fmt.Sprintf("art_%d", len(f.list)+1),
		Name:      name,
		MediaType: http.DetectContentType(begin[:n]),
		Bytes:     size,
		SHA256:    hex.EncodeToString(hash.Sum(nil)),
	}
	if f.data == nil {
		f.data = map[string][]byte{}
	}
	f.list, f.data[a.ID] = append(f.list, a), kept.Bytes()
	return a, nil
}

// Open implements agents.Files.
func (f *Files) Open(_ context.Context, id string) (io.ReadCloser, agents.Artifact, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.list {
		if a.ID == id {
			return io.NopCloser(bytes.NewReader(f.data[id])), a, nil
		}
	}
	return nil, agents.Artifact{}, problem.New(problem.NotFound, "artifact_not_found", "There is no artifact %q.", id)
}

// Content returns what was kept under an id.
func (f *Files) Content(id string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.data[id])
}

// List returns what was kept.
func (f *Files) List() []agents.Artifact {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]agents.Artifact(nil), f.list...)
}
