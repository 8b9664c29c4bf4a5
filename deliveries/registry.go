package deliveries

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/store"
)

// kind is what the table of resources calls endpoints.
const kind = "endpoints"

// Registry keeps the endpoints that were registered by a person; those of the configuration file are not in it.
type Registry struct {
	*catalog.Documents[Endpoint]
	store *store.Store
}

// NewRegistry returns the registry in s.
func NewRegistry(s *store.Store, sealer *secret.Sealer) *Registry {
	return &Registry{catalog.NewDocuments[Endpoint](s, kind, sealer), s}
}

// Prepared returns a new endpoint as it is registered: with a secret that is made where it needs one and has none.
func (e Endpoint) Prepared() Endpoint {
	if scheme := e.scheme(); e.Secret == "" && (scheme == signature.Standard || scheme == signature.HMACHex) {
		e.Secret = signature.NewSecret(scheme)
	}
	e.PreviousSecret, e.Retired = "", nil
	return e
}

// Revised returns what a registered endpoint becomes when it is changed to e. Secrets that e leaves out, or has as they
// are shown, stay; one that is replaced signs beside the new one for SecretOverlap. A new signature gets a new secret.
func (e Endpoint) Revised(to Endpoint) Endpoint {
	if to.Secret == secret.Mask || to.Secret == secret.Removed { // an endpoint always has one
		to.Secret = ""
	}
	to.PreviousSecret, to.Retired = "", nil
	if to.scheme() == e.scheme() {
		next := e.withSecret(cmp.Or(to.Secret, e.Secret), time.Now())
		to.Secret, to.Retired = next.Secret, next.Retired
	} else {
		to = to.Prepared() // its secret is rotated to be seen
	}
	to.URL = secret.RevisedURL(e.URL, to.URL)
	to.Headers = secret.RevisedHeaders(e.Headers, to.Headers)
	if e.Stopped && !to.IsEnabled() { // as it was shown
		to.Enabled, to.Stopped = e.Enabled, true
	}
	return to
}

// RotateIn gives an endpoint a new secret and returns it; for standard-ed25519, what verifies it. Those before it sign beside
// it for SecretOverlap each. The new one is made unless it is given; an Invalid says what one has to look like.
func (r *Registry) RotateIn(tx *gorm.DB, id string, given secret.String) (shown secret.String, err error) {
	_, err = r.Change(tx, id, 0, func(e *Endpoint) error {
		next := cmp.Or(given, signature.NewSecret(e.scheme()))
		if err := checkGiven(e.scheme(), next); err != nil {
			return err
		}
		*e = e.withSecret(next, time.Now())
		if shown = e.Secret; e.scheme() != signature.Ed25519 {
			return nil
		}
		public, err := signature.PublicKey(e.Secret)
		shown = secret.String(signature.EncodePublicKey(public))
		return err
	})
	return shown, err
}

func checkGiven(scheme signature.Scheme, s secret.String) error {
	var found problem.Fields
	if err := signature.Check(scheme, s); err != nil {
		found.Add("secret", "%s", reason(err))
	} else if s.IsReference() {
		found.Add("secret", "cannot refer to a variable: that is for the configuration file")
	}
	return found.Err()
}

// Complete says of endpoints, also those of a configuration file, whether they are stopped.
func (r *Registry) Complete(ctx context.Context, list []*Endpoint) error {
	states, err := storage{r.store}.states(ctx)
	for _, e := range list {
		e.Stopped = states[e.ID].DisabledAt != nil
	}
	return err
}

// SettleIn lets an endpoint begin with a clean slate that has been changed to be enabled, or is new.
func (r *Registry) SettleIn(tx *gorm.DB, e Endpoint) error {
	if !e.IsEnabled() {
		return nil
	}
	if err := tx.Exec("DELETE FROM endpoint_states WHERE endpoint_id = ? AND disabled_at IS NOT NULL", e.ID).Error; err != nil {
		return fmt.Errorf("enable endpoint %q: %w", e.ID, err)
	}
	return nil
}

// RemoveIn deletes an endpoint. What is pending for it waits for 24 hours, in case that it comes back, and fails then.
func (r *Registry) RemoveIn(tx *gorm.DB, id string, version int64) error {
	if err := tx.Exec("DELETE FROM endpoint_states WHERE endpoint_id = ?", id).Error; err != nil {
		return problem.Of(err)
	}
	return r.Delete(tx, id, version)
}
