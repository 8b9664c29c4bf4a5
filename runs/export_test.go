package runs

import (
	"context"
	"time"
)

// Retain is retain.
func (s *Service) Retain(ctx context.Context, before time.Time) error { return s.retain(ctx, before) }

// Trim is trim.
func (s *Service) Trim(ctx context.Context) error { return s.trim(ctx) }
