package agents

import (
	"context"
	"io"
)

// Artifact is a file that a run has made, or that its call has brought. It is kept with the run.
type Artifact struct {
	ID        string `json:"id"` // art_ and a ULID
	Name      string `json:"name"`
	MediaType string `json:"mediaType"` // by its content, not by what its maker says
	Bytes     int64  `json:"bytes"`
	SHA256    string `json:"sha256"`           // lower-case hex
	NodeID    string `json:"nodeId,omitempty"` // the agent that made it; empty for a file that the call brought
}

// Files keeps what agents make, and opens it again within the same run.
type Files interface {
	// Save stores what it reads, piece by piece, up to the most that one artifact may have. The name and the media
	// type are what the maker says; either may be empty. It is a *problem.Error where the caller may know why it
	// failed.
	Save(ctx context.Context, name, mediaType string, content io.Reader) (Artifact, error)
	// Open opens an artifact of the same client.
	Open(ctx context.Context, id string) (io.ReadCloser, Artifact, error)
}

// NodeFiles are Files that tell the nodes of a flow apart.
type NodeFiles interface {
	Files
	// Node returns the Files of a node.
	Node(id string) Files
}
