package runs

import (
	"context"
	"io"
	"strconv"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/internal/redact"
	"beckon/internal/store"
)

// files are the agents.Files of a run, or of a node.
type files struct {
	service *Service
	active  *Active
	node    string // "" for the run of an agent; of a flow within the flow, what the ids of its nodes begin with
}

// Node implements agents.NodeFiles.
func (f *files) Node(id string) agents.Files { return &files{f.service, f.active, f.node + id} }

func (f *files) Save(ctx context.Context, name, mediaType string, content io.Reader) (agents.Artifact, error) {
	// A file without a run would be one that nobody needs.
	if err := f.active.Recorded(ctx); err != nil {
		return agents.Artifact{}, err
	}
	by := artifacts.Maker{RunID: f.active.ID, ClientID: f.active.run.ClientID, NodeID: f.node}
	if by.NodeID == "" {
		by.NodeID = f.active.run.WorkflowID
	}
	return f.service.Artifacts.Save(ctx, by, keptName(f.active.run.Rules, name), mediaType, content)
}

func (f *files) Open(ctx context.Context, id string) (io.ReadCloser, agents.Artifact, error) {
	return f.service.Artifacts.Open(ctx, f.active.run.ClientID, id)
}

// keepArtifacts writes what a run or a node has made, in the transaction that ends it.
func (s *Service) keepArtifacts(tx store.Tx, runID string, list []agents.Artifact) error {
	if len(list) == 0 || s.Artifacts == nil {
		return nil
	}
	return s.Artifacts.Keep(tx, runID, list)
}

// Upload stores a file that a call of a client brings, for the run that it asks for. The Request of that run has to
// name it in Uploads; else Discard removes it.
func (s *Service) Upload(
	ctx context.Context, runID, clientID string, rules *redact.Rules, name, mediaType string, content io.Reader,
) (agents.Artifact, error) {
	return s.Artifacts.Upload(ctx, runID, clientID, keptName(rules, name), mediaType, content)
}

// Discard removes files of a call that has started no run.
func (s *Service) Discard(ctx context.Context, uploads []agents.Artifact) {
	s.Artifacts.Discard(ctx, uploads)
}

// addArtifacts reads the files of a run, if it has any.
func (s *Service) addArtifacts(tx store.Tx, r *Run) (err error) {
	if !r.hasArtifacts || s.Artifacts == nil {
		return nil
	}
	all, err := s.Artifacts.Of(tx, r.ID)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.NodeID == "" {
			r.Uploads = append(r.Uploads, a)
		} else {
			r.Artifacts = append(r.Artifacts, a)
		}
	}
	for i := range r.Nodes {
		for _, a := range r.Artifacts {
			if a.NodeID == r.Nodes[i].ID {
				r.Nodes[i].Artifacts = append(r.Nodes[i].Artifacts, a)
			}
		}
	}
	return nil
}

// delete deletes runs with all that belongs to them.
func (s *Service) delete(tx store.Tx, ids []string) error {
	if s.Artifacts != nil {
		if err := s.Artifacts.RemoveOf(tx, ids); err != nil {
			return err
		}
	}
	return deleteRuns(tx, ids)
}

// appendArtifacts adds to the data of an event what was made. Links are signed when it is told.
func appendArtifacts(text []byte, list []agents.Artifact) []byte {
	if len(list) == 0 {
		return text
	}
	text = append(text, `,"artifacts":[`...)
	for i, a := range list {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendText(append(text, `{"id":`...), a.ID)
		text = appendText(append(text, `,"name":`...), a.Name)
		text = appendText(append(text, `,"mediaType":`...), a.MediaType)
		text = strconv.AppendInt(append(text, `,"bytes":`...), a.Bytes, 10)
		text = appendText(append(text, `,"sha256":`...), a.SHA256)
		text = append(appendText(append(text, `,"nodeId":`...), a.NodeID), '}')
	}
	return append(text, ']')
}
