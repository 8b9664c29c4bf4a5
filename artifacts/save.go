package artifacts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/units"
)

const (
	idPrefix = "art_"
	// saveTime bounds how long it takes to save a file. What is SAVING for longer than savingLife was left by a
	// process that died.
	saveTime   = 30 * time.Minute
	savingLife = time.Hour
	// cleanUpTime bounds the attempt to remove what could not be saved; later RemoveUnused does it.
	cleanUpTime = 5 * time.Second
)

// Maker is what makes an artifact.
type Maker struct{ RunID, ClientID, NodeID string }

// Save stores what content has, as agents.Files says. The run has to be on record.
func (s *Service) Save(
	ctx context.Context, by Maker, name, mediaType string, content io.Reader,
) (agents.Artifact, error) {
	return s.save(ctx, s.bucket.forAgents, by, name, mediaType, content)
}

// save waits for one of the places to write a file from.
func (s *Service) save(
	ctx context.Context, places places, by Maker, name, mediaType string, content io.Reader,
) (agents.Artifact, error) {
	ctx, cancel := context.WithTimeout(ctx, saveTime)
	defer cancel()
	a := &Artifact{Artifact: agents.Artifact{ID: idPrefix + ulid.Make().String(), NodeID: by.NodeID},
		RunID: by.RunID, ClientID: by.ClientID, CreatedAt: s.Now().UTC()}
	a.key = keyOf(a.ID)
	leave, err := places.enter(ctx)
	if err != nil {
		return agents.Artifact{}, err
	}
	defer leave()
	if err := s.Store.Write(ctx, func(tx store.Tx) error { return insert(tx, a) }); err != nil {
		return agents.Artifact{}, err
	}
	err = s.write(ctx, a, name, mediaType, content)
	if err == nil {
		err = s.Store.Write(ctx, func(tx store.Tx) error { return saved(tx, a) })
	}
	if err != nil {
		s.cleanUp(ctx, a)
		return agents.Artifact{}, err
	}
	return a.Artifact, nil
}

// keyOf spreads files over 1,024 folders.
func keyOf(id string) string { return id[len(id)-2:] + "/" + id }

// write writes the file, and notes what it is.
func (s *Service) write(ctx context.Context, a *Artifact, name, mediaType string, content io.Reader) error {
	head := make([]byte, sniffed)
	n, err := io.ReadFull(content, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read the content of an artifact: %w", err)
	}
	kind, extension := typeOf(head[:n], mediaType)
	a.MediaType, a.Name = kind, plainName(name, extension)

	ctx, abort := context.WithCancel(ctx)
	defer abort() // before it is closed, this leaves nothing behind
	w, err := s.bucket.writer(ctx, a.key, kind)
	if err != nil {
		return unavailable(err)
	}
	hash := sha256.New()
	counted := &counter{from: io.LimitReader(io.MultiReader(bytes.NewReader(head[:n]), content), s.MaxBytes+1)}
	_, err = io.CopyBuffer(io.MultiWriter(w, hash), counted, make([]byte, 32<<10))
	if err == nil && counted.n > s.MaxBytes {
		err = s.tooLarge(a)
	}
	if err != nil {
		abort()
		_ = w.Close() // which fails, as it should
		return whyUnwritten(ctx, err, counted.err)
	}
	if err := w.Close(); err != nil {
		return whyUnwritten(ctx, err, nil)
	}
	if err := s.bucket.sync(a.key); err != nil {
		return unavailable(err)
	}
	a.Bytes, a.SHA256 = counted.n, hex.EncodeToString(hash.Sum(nil))
	return nil
}

// tooLarge is the problem of an artifact that has more than MaxBytes.
func (s *Service) tooLarge(a *Artifact) error {
	if a.NodeID == "" {
		return problem.New(problem.TooLarge, problem.CodeArtifactTooLarge,
			"The file is larger than the %s that a file of a call may have (artifacts.maxBytes).", sizeText(s.MaxBytes))
	}
	return problem.New(problem.Unprocessable, problem.CodeArtifactTooLarge,
		"What the agent made is larger than the %s that an artifact may have. Ask for less, "+
			"or raise artifacts.maxBytes.", sizeText(s.MaxBytes))
}

// whyUnwritten tells what the storage refuses from what its reader, read, or its caller ended.
func whyUnwritten(ctx context.Context, err, read error) error {
	switch {
	case read != nil:
		return fmt.Errorf("read the content of an artifact: %w", read)
	case problem.Is(err, problem.Unprocessable), problem.Is(err, problem.TooLarge):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return unavailable(err)
}

// counter counts what is read, and keeps why it ended early.
type counter struct {
	from io.Reader
	n    int64
	err  error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

func sizeText(n int64) string {
	text, _ := units.Bytes(n).MarshalYAML()
	return fmt.Sprint(text)
}

// cleanUp removes what was not saved as a whole.
func (s *Service) cleanUp(ctx context.Context, a *Artifact) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	if err := s.remove(ctx, []unused{{a.ID, a.key}}); err != nil {
		s.Log.Warn("what is left of a file that was not saved could not be removed; it is tried again in an hour",
			"artifact", a.ID, "error", err)
	}
}

// Open opens an artifact of a client, also one that is not named yet. It ends with ctx.
func (s *Service) Open(ctx context.Context, clientID, id string) (io.ReadCloser, agents.Artifact, error) {
	a, err := s.storage.getOf(ctx, clientID, id)
	if err != nil {
		return nil, agents.Artifact{}, err
	}
	if a == nil {
		return nil, agents.Artifact{}, errNone
	}
	r, err := s.bucket.reader(ctx, a.key, 0)
	if err != nil {
		return nil, agents.Artifact{}, unavailable(err)
	}
	return r, a.Artifact, nil
}
