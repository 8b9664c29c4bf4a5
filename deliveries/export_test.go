package deliveries

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/deliveries/destinations"
	"beckon/internal/problem"
)

// Look has a look at what is due, as it is done every few seconds.
func (s *Service) Look() { s.lanes.wake() }

// Retain deletes what is older than a time, as it is done every minute.
func (s *Service) Retain(ctx context.Context, before time.Time) error { return s.retain(ctx, before) }

// Revised is what an endpoint becomes when it is changed.
func (e Endpoint) Revised(to Endpoint) Endpoint { return e.revised(to) }

// CheckNew finds what an endpoint cannot be given any more.
func (e Endpoint) CheckNew() problem.Fields { return e.checkNew() }

// AskFor asks people to decide on the calls of an event.
func AskFor(t testing.TB, approvals []byte, maxButtons int) (string, []destinations.Button) {
	var list []approval
	require.NoError(t, json.Unmarshal(approvals, &list))
	return askFor(list, maxButtons)
}
