// Package artifacts keeps what runs make: stored, signed, expired.
//
// A file is in a folder or a bucket; what is known of it is a row. The row is written before the file and deleted
// after it, so that a process that dies at any moment leaves no file without a row, and RemoveUnused finds what it
// has left:
//
//   - SAVING: the file is being written
//   - SAVED: it is there, and nobody has named it yet
//   - KEPT: the run or node that made it has ended and names it, or its call brought it; which is written in the
//     same transaction
//   - REMOVED: nobody gets it any more; the file is deleted, and then the row
package artifacts

import (
	"context"
	"log/slog"
	"time"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/store"
	"beckon/internal/work"
)

const (
	// DefaultMaxBytes bounds one file, unless Config says otherwise.
	DefaultMaxBytes = 25 << 20
	// DefaultLinkTTL is how long a link opens, unless Config says otherwise.
	DefaultLinkTTL = 168 * time.Hour

	removeEvery = time.Minute
)

// Config is what a Service is made of.
type Config struct {
	Store *store.Store
	Work  *work.Instance // removes what nobody needs; nil removes nothing by itself
	Log   *slog.Logger
	// where files are: the path of a folder, or a URL of a kind that the program has linked
	URL       string
	MaxBytes  int64                         // of one file; DefaultMaxBytes
	LinkTTL   time.Duration                 // DefaultLinkTTL
	PublicURL string                        // what links begin with
	Key       func() (secret.String, error) // signs links; it is asked for once
	Now       func() time.Time              // nil is the system's clock
}

// Service keeps artifacts. Any replica opens what another has saved, when their URL leads to the same place.
type Service struct {
	Config
	storage storage
	bucket  *bucket
	links   *signature.Links
}

// New returns a service. An error says that a bucket cannot be opened; a folder is made when there is something for it.
func New(ctx context.Context, c Config) (*Service, error) {
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.LinkTTL == 0 {
		c.LinkTTL = DefaultLinkTTL
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	bucket, err := newBucket(ctx, c.URL)
	if err != nil {
		return nil, err
	}
	s := &Service{Config: c, storage: storage{c.Store}, bucket: bucket, links: signature.NewLinks(linkPurpose, c.Key)}
	if c.Work != nil {
		c.Work.Every(removeEvery, "remove the files that nobody needs", s.RemoveUnused)
	}
	return s, nil
}

// Close lets go of the bucket.
func (s *Service) Close() error { return s.bucket.close() }

// Artifact is one on record.
type Artifact struct {
	agents.Artifact
	RunID     string
	ClientID  string
	CreatedAt time.Time

	key string // in the bucket
}

// Get returns an artifact that a run or node names. A NotFound says that there is none.
func (s *Service) Get(ctx context.Context, id string) (*Artifact, error) {
	a, err := s.storage.get(ctx, id)
	if err == nil && a == nil {
		return nil, errNone
	}
	return a, err
}

const codeNotFound = "artifact_not_found"

var errNone = problem.New(problem.NotFound, codeNotFound, "There is no such artifact.")

// Of returns the files of a run, those that its call brought and those that it has made, in the order in which they
// were saved.
func (s *Service) Of(tx store.Tx, runID string) ([]agents.Artifact, error) { return keptOf(tx, runID) }

// Keep notes that a run or a node names artifacts of its run, which are saved. It belongs into the transaction that
// ends the run or the node.
func (s *Service) Keep(tx store.Tx, runID string, list []agents.Artifact) error {
	return keep(tx, runID, idsOf(list))
}

// RemoveOf removes what some runs have made. It belongs into the transaction that deletes the runs.
func (s *Service) RemoveOf(tx store.Tx, runIDs []string) error { return removeOf(tx, runIDs) }

// Stats counts the artifacts that were made since a time.
func (s *Service) Stats(ctx context.Context, since time.Time) (Stats, error) {
	return s.storage.count(ctx, since)
}

// Stats is how many artifacts there are, and how large.
type Stats struct{ Count, Bytes int64 }
