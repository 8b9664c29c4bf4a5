package server

import (
	"context"

	"beckon/internal/store"
)

// RefusedCalls lists the refused calls that are kept; see store.Store.
type RefusedCalls interface {
	RefusedCalls(ctx context.Context, q store.RefusedQuery) (list []store.RefusedCall, next string, err error)
}

type refusedInput struct {
	Client string `query:"client" doc:"The id that the call named, whether there is such a client or not."`
	Code   string `query:"code" doc:"The code of the answer, such as unauthorized."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" doc:"The nextCursor of the page before."`
}

// refusedDocument is a refused call as the API shows it.
type refusedDocument struct {
	ID        string            `json:"id"`
	At        *string           `json:"at" format:"date-time"`
	Status    int               `json:"status" doc:"Of the answer: 4xx or 503."`
	Code      string            `json:"code"`
	Reason    string            `json:"reason" doc:"Why. Of a 401 it says what was tried and what the client takes, which the client was not told."`
	Method    string            `json:"method"`
	Path      string            `json:"path" doc:"With the names of the query; its values are masked."`
	ClientID  *string           `json:"clientId" doc:"As the call named it; there may be no such client."`
	Address   string            `json:"address" doc:"Of the client."`
	RequestID *string           `json:"requestId"`
	Headers   map[string]string `json:"headers" doc:"Those with secrets are masked."`
}

type refusedOutput struct{ Body page[refusedDocument] }

// listRefused lists the refused calls. The last thousand are kept.
func (s *Server) listRefused(ctx context.Context, in *refusedInput) (*refusedOutput, error) {
	if s.Refused == nil {
		return &refusedOutput{pageOf(nil, "", refusedOf)}, nil
	}
	list, next, err := s.Refused.RefusedCalls(ctx, store.RefusedQuery{
		ClientID: in.Client,
		Code:     in.Code,
		Limit:    in.Limit,
		Cursor:   in.Cursor,
	})
	if err != nil {
		return nil, err
	}
	return &refusedOutput{pageOf(list, next, refusedOf)}, nil
}

func refusedOf(c store.RefusedCall) refusedDocument {
	return refusedDocument{
		ID:        c.ID,
		At:        timeOrNull(c.At),
		Status:    c.Status,
		Code:      c.Code,
		Reason:    c.Reason,
		Method:    c.Method,
		Path:      c.Path,
		ClientID:  orNull(c.ClientID),
		Address:   c.Address,
		RequestID: orNull(c.RequestID),
		Headers:   orEmptyMap(c.Headers),
	}
}
