package runs

import (
	"context"
	"time"
)

// Retain is retain.
func (s *Service) Retain(ctx context.Context, before time.Time) { s.retain(ctx, before) }

// Trim is trim.
func (s *Service) Trim(ctx context.Context) { s.trim(ctx) }

// LookAfter is recover.
func (s *Service) LookAfter(ctx context.Context) error { return s.recover(ctx) }
