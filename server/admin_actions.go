package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

func (s *Server) registerActions(api huma.API) {
	accepted := answers(http.StatusAccepted, http.StatusConflict)
	conflict := answers(http.StatusOK, http.StatusConflict)
	route(api, http.MethodPost, "/clients/{id}/token", "rotate-token", "Give a client a new token", s.rotateToken,
		answers(http.StatusOK, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType))
	route(api, http.MethodPost, "/clients/{id}/form-key", "rotate-form-key",
		"Give the form of a client a new public key", s.rotateFormKey,
		answers(http.StatusOK, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType))
	route(api, http.MethodPost, "/clients/{id}/webhook-secret", "rotate-webhook-secret",
		"Give a client a new secret for its callbacks; the old one signs beside it for 24 hours",
		s.rotateCallbackSecret, conflict)
	s.registerPreview(api)
	route(api, http.MethodPost, "/endpoints/{id}/secret", "rotate-secret",
		"Give an endpoint a new secret", s.rotateSecret,
		answers(http.StatusOK, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType))
	route(api, http.MethodPost, "/endpoints/{id}/test", "test-endpoint",
		"Send a test event, and say what came of it", s.testEndpoint,
		answers(http.StatusOK, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType))
	route(api, http.MethodPost, "/endpoints/{id}/recover", "recover-endpoint",
		"Send everything again that has failed since a time", s.recoverEndpoint, accepted)
	route(api, http.MethodPost, "/endpoints/{id}/enable", "enable-endpoint",
		"Send what has waited for an endpoint that was disabled", s.enableEndpoint, conflict)
	route(api, http.MethodPost, "/endpoints/{id}/disable", "disable-endpoint",
		"Have an endpoint's deliveries wait, for 24 hours at most", s.disableEndpoint, conflict)
	route(api, http.MethodPost, "/deliveries/{id}/resend", "resend-delivery",
		"Send a delivery again", s.resendDelivery, accepted)
	route(api, http.MethodDelete, "/runs/{id}/share", "revoke-share",
		"Take a run's page for recipients away, for good", s.revokeShare,
		answers(http.StatusNoContent))
	route(api, http.MethodDelete, "/runs/{id}/content", "erase-content",
		"Erase what a run was asked and has answered, everywhere, for good", s.eraseContent,
		answers(http.StatusNoContent, http.StatusConflict))
	route(api, http.MethodDelete, "/artifacts/{id}", "delete-artifact",
		"Delete a file that a run has made: its links lead nowhere any more", s.removeArtifact,
		answers(http.StatusNoContent))
}

type tokenInput struct {
	ID   string `path:"id"`
	Body *struct {
		Overlap string `json:"overlap" example:"24h" doc:"How long the old one stays good beside the new one, 720h at most; 0s."`
	}
}

type tokenOutput struct {
	Body struct {
		ID             string  `json:"id"`
		Token          string  `json:"token" doc:"Shown this once."`
		CallbackSecret *string `json:"callbackSecret" doc:"Signs the webhooks of its calls; it follows from the new token, and is shown this once. Null for a client with a webhookSecret, which stays."`
	}
}

func (s *Server) rotateToken(ctx context.Context, in *tokenInput) (*tokenOutput, error) {
	overlap, err := in.overlap()
	if err != nil {
		return nil, err
	}
	issued, err := clients.RotateToken(ctx, catalog.Of[clients.Client](s.Admin.Editor), adminName(ctx), in.ID, overlap)
	if err != nil {
		return nil, err
	}
	out := &tokenOutput{}
	out.Body.ID = in.ID
	out.Body.Token = issued.Token.Reveal()
	out.Body.CallbackSecret = orNull(issued.CallbackSecret.Reveal())
	return out, nil
}

type callbackSecretOutput struct {
	Body struct {
		ID             string `json:"id"`
		CallbackSecret string `json:"callbackSecret" doc:"Signs the webhooks of the client's calls. Shown this once."`
	}
}

func (s *Server) rotateCallbackSecret(ctx context.Context, in *idInput) (*callbackSecretOutput, error) {
	made, err := clients.RotateWebhookSecret(ctx, catalog.Of[clients.Client](s.Admin.Editor), adminName(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := &callbackSecretOutput{}
	out.Body.ID, out.Body.CallbackSecret = in.ID, made.Reveal()
	return out, nil
}

type endpointInput struct {
	ID string `path:"id"`
}

type secretOutput struct {
	Body struct {
		ID     string `json:"id"`
		Secret string `json:"secret" doc:"Shown this once. With standard-ed25519, the public key that verifies."`
	}
}

type secretInput struct {
	ID   string `path:"id"`
	Body *struct {
		Secret string `json:"secret" doc:"The new secret. Left out, one is made."`
	}
}

func (s *Server) rotateSecret(ctx context.Context, in *secretInput) (*secretOutput, error) {
	var given secret.String
	if in.Body != nil {
		given = secret.String(in.Body.Secret)
	}
	shown, err := deliveries.RotateSecret(ctx,
		catalog.Of[deliveries.Endpoint](s.Admin.Editor), adminName(ctx), in.ID, given)
	if err != nil {
		return nil, err
	}
	out := &secretOutput{}
	out.Body.ID, out.Body.Secret = in.ID, shown.Reveal()
	return out, nil
}

type testInput struct {
	ID   string `path:"id"`
	Body *struct {
		Event string `json:"event" example:"run.failed" doc:"Which event to send an example of; it may be one that agents and flows have named. Left out, it is endpoint.test."`
	}
}

func (s *Server) testEndpoint(ctx context.Context, in *testInput) (*deliveryOutput, error) {
	var event string
	if in.Body != nil {
		event = in.Body.Event
	}
	d, attempts, err := s.Calls.Deliveries.Test(ctx, in.ID, event)
	if err != nil {
		return nil, err
	}
	return &deliveryOutput{deliveryDetailOf(d, attempts)}, s.note(ctx, "test", "endpoints", in.ID,
		map[string]any{"event": d.Type})
}

type recoverInput struct {
	ID   string `path:"id"`
	Body struct {
		Since string `json:"since" required:"true" example:"2026-02-18T12:00:00Z" doc:"A time (RFC 3339)."`
	}
}

type recoverOutput struct {
	Body struct {
		Recovered int64 `json:"recovered" doc:"How many deliveries are sent again."`
	}
}

func (s *Server) recoverEndpoint(ctx context.Context, in *recoverInput) (*recoverOutput, error) {
	since, err := time.Parse(time.RFC3339, in.Body.Since)
	if err != nil {
		var wrong problem.Fields
		wrong.Add("since", "must be a time such as 2026-02-18T12:00:00Z")
		return nil, wrong.Err()
	}
	n, err := s.Calls.Deliveries.Recover(ctx, in.ID, since)
	if err != nil {
		return nil, err
	}
	out := &recoverOutput{}
	out.Body.Recovered = n
	return out, s.note(ctx, "recover", "endpoints", in.ID, map[string]any{"since": in.Body.Since, "recovered": n})
}

func (s *Server) enableEndpoint(ctx context.Context, in *endpointInput) (*documentOutput[endpointDocument], error) {
	if err := s.Calls.Deliveries.Enable(ctx, in.ID); err != nil {
		return nil, err
	}
	return s.endpointAfter(ctx, "enable", in.ID)
}

func (s *Server) disableEndpoint(ctx context.Context, in *endpointInput) (*documentOutput[endpointDocument], error) {
	if err := s.Calls.Deliveries.Disable(ctx, in.ID); err != nil {
		return nil, err
	}
	return s.endpointAfter(ctx, "disable", in.ID)
}

func (s *Server) endpointAfter(ctx context.Context, action, id string) (*documentOutput[endpointDocument], error) {
	if err := s.note(ctx, action, "endpoints", id, nil); err != nil {
		return nil, err
	}
	return s.endpoints().get(ctx, &idInput{ID: id})
}

func (s *Server) resendDelivery(ctx context.Context, in *endpointInput) (*deliveryOutput, error) {
	if err := s.Calls.Deliveries.Resend(ctx, in.ID); err != nil {
		return nil, err
	}
	if err := s.note(ctx, "resend", "deliveries", in.ID, nil); err != nil {
		return nil, err
	}
	return s.getDelivery(ctx, &idInput{ID: in.ID})
}

func (s *Server) eraseContent(ctx context.Context, in *idInput) (*struct{}, error) {
	if err := s.Calls.Runs.Erase(ctx, in.ID); err != nil {
		return nil, err
	}
	return nil, s.note(ctx, "erase", "runs", in.ID, map[string]any{"content": "erased"})
}

func (s *Server) note(ctx context.Context, action, section, id string, what any) error {
	return s.Admin.Editor.Note(ctx, adminName(ctx), action, section, id, what)
}
