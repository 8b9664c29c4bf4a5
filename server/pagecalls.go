package server

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/runs"
)

// What the pages ask of the server: a call without a token, from somebody who is signed in.

// Preview makes the prompt of a call, and chooses the agent or flow that would get it, as the webhook does and without
// asking a model. The client need not be in force, nor saved.
func (s *Server) Preview(_ context.Context, client clients.Client, r clients.Request) (clients.Prompt, string, error) {
	set, wrong := clients.NewSet([]clients.Declared{{Client: client}}, clients.NewLimits())
	if len(wrong) > 0 {
		return clients.Prompt{}, "", wrong[0].Fields.Err()
	}
	m := set.Get(client.ID)
	limit := m.BodyLimit(s.MaxBodyBytes)
	if int64(len(r.Body)) > limit {
		return clients.Prompt{}, "", bodyTooLarge(limit)
	}
	if m.Passthrough {
		if err := clients.CheckContentType(r.Header); err != nil {
			return clients.Prompt{}, "", err
		}
	}
	p, err := m.Prompt(s.Catalog().Commands, r, int(limit))
	if err != nil {
		return p, "", err
	}
	agent, err := m.Choose(p.Agent)
	return p, agent, err
}

// Try starts a run as a call of the client's webhook would, within the client's limits, and returns its id as soon as it
// is on record. The run goes on when ctx ends.
func (s *Server) Try(ctx context.Context, clientID string, r clients.Request) (runID string, err error) {
	k := &call{catalog: s.Catalog(), received: time.Now(), held: s.Memory.Reserve()}
	defer k.held.Release()
	if k.client = k.catalog.Clients.Get(clientID); k.client == nil || k.client.Unusable {
		return "", problem.New(problem.Unprocessable, "client_unusable", "The client %q is not in force. Its page says why.", clientID)
	}
	request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, "/api/v1/webhooks/"+clientID, bytes.NewReader(r.Body))
	if err != nil {
		return "", err
	}
	request.URL.RawQuery = r.Query.Encode()
	if r.Header != nil {
		request.Header = r.Header.Clone()
	}
	request.Header.Del(keyHeader)
	request.Header.Del("Prefer")
	request.Header.Set("Accept", eventStream.String()) // so that the model's words come one by one
	active, _, err := s.startCall(s.echo.NewContext(request, unseen{http.Header{}}), k, runs.SourcePage, false, func(k *call, r clients.Request) (clients.Prompt, error) {
		return k.client.Prompt(k.catalog.Commands, r, int(k.client.BodyLimit(s.MaxBodyBytes)))
	})
	if err != nil {
		return "", err
	}
	if err := active.Recorded(ctx); err != nil {
		return "", problem.Of(err)
	}
	return active.ID, nil
}

// unseen takes what would be said to the caller of a run's webhook.
type unseen struct{ header http.Header }

func (u unseen) Header() http.Header         { return u.header }
func (u unseen) Write(b []byte) (int, error) { return len(b), nil }
func (u unseen) WriteHeader(int)             {}

// Follow answers with the events of any run, as the API does for a client's own, as long as the session lasts.
func (s *Server) Follow(w http.ResponseWriter, r *http.Request, runID string) error {
	run, err := s.Runs.Get(r.Context(), runID)
	if err != nil {
		return err
	}
	return s.stream(s.echo.NewContext(r, w), run.ID, r.Header.Get("Last-Event-ID"), run.Status.Ended(), func() bool {
		_, ok := s.Admin.Sessions.Admin(r)
		return ok
	})
}
