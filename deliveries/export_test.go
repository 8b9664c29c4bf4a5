package deliveries

import (
	"context"
	"time"
)

// Look has a look at what is due, as it is done every few seconds.
func (s *Service) Look() { s.lanes.wake() }

// Retain deletes what is older than a time, as it is done every minute.
func (s *Service) Retain(ctx context.Context, before time.Time) error { return s.retain(ctx, before) }

// Revised is what an endpoint becomes when it is changed.
func (e Endpoint) Revised(to Endpoint) Endpoint { return e.revised(to) }
