package deliveries

import (
	"cmp"
	"context"
	"maps"
	"time"

	"gorm.io/gorm"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/store"
)

// SecretOverlap is how long the secret before the newest still signs.
const SecretOverlap = 24 * time.Hour

// Registry keeps the endpoints that were registered by a person; those of the configuration file are not in it.
type Registry struct {
	*store.Resources[Endpoint]
	store    *store.Store
	checkURL func(string) error
}

// NewRegistry returns the registry in s. checkURL refuses URLs that nothing may be sent to; see egress.Guard.
func NewRegistry(s *store.Store, sealer *secret.Sealer, checkURL func(string) error) *Registry {
	return &Registry{store.NewResources[Endpoint](s, "endpoints", sealer), s, checkURL}
}

// Register adds an endpoint and returns the secret that signs for it, which can't be had again: its own, or one that is
// made. It is empty where the gateway's own key signs.
func (r *Registry) Register(ctx context.Context, e Endpoint) (secret.String, error) {
	e = e.Prepared()
	if err := r.check(e); err != nil {
		return "", err
	}
	return e.Secret, r.store.Write(ctx, func(tx *gorm.DB) error { return r.Create(tx, e) })
}

// Prepared returns a new endpoint as it is registered: with a secret that is made where it needs one and has none.
func (e Endpoint) Prepared() Endpoint {
	scheme := signature.Scheme(cmp.Or(e.Signature, string(signature.Standard)))
	if e.Secret == "" && (scheme == signature.Standard || scheme == signature.HMACHex) {
		e.Secret = signature.NewSecret(scheme)
	}
	e.PreviousSecret, e.PreviousUntil = "", time.Time{}
	return e
}

// Update changes all of an endpoint but its secrets; version is as for store.Resources.Change.
func (r *Registry) Update(ctx context.Context, e Endpoint, version int64) (now int64, err error) {
	err = r.store.Write(ctx, func(tx *gorm.DB) error {
		now, err = r.Change(tx, e.ID, version, func(have *Endpoint) error {
			*have = have.Revised(e)
			return r.check(*have)
		})
		return err
	})
	return now, err
}

// Revised returns what a registered endpoint becomes when it is changed to e. Secrets that e leaves out, or has as they
// are shown, stay; a new signature gets a new secret.
func (e Endpoint) Revised(to Endpoint) Endpoint {
	same := cmp.Or(to.Signature, string(signature.Standard)) == cmp.Or(e.Signature, string(signature.Standard))
	if to.Secret == secret.Mask || to.Secret == secret.Removed { // an endpoint always has one
		to.Secret = ""
	}
	to.PreviousSecret, to.PreviousUntil = "", time.Time{}
	if same {
		to.Secret = cmp.Or(to.Secret, e.Secret)
		to.PreviousSecret, to.PreviousUntil = e.PreviousSecret, e.PreviousUntil
	} else {
		to = to.Prepared() // its secret is rotated to be seen
	}
	to.Headers = maps.Clone(to.Headers)
	for name, value := range to.Headers {
		to.Headers[name] = e.Headers[name].Revised(value)
	}
	return to
}

// Rotate gives an endpoint a new secret and returns it; for standard-ed25519, what verifies it. The one before signs
// beside it for SecretOverlap.
func (r *Registry) Rotate(ctx context.Context, id string) (shown secret.String, err error) {
	err = r.store.Write(ctx, func(tx *gorm.DB) error {
		shown, err = r.RotateIn(tx, id)
		return err
	})
	return shown, err
}

// RotateIn is Rotate as a part of a larger change.
func (r *Registry) RotateIn(tx *gorm.DB, id string) (shown secret.String, err error) {
	_, err = r.Change(tx, id, 0, func(e *Endpoint) error {
		scheme := signature.Scheme(cmp.Or(e.Signature, string(signature.Standard)))
		e.PreviousSecret, e.PreviousUntil = e.Secret, time.Now().UTC().Add(SecretOverlap)
		e.Secret = signature.NewSecret(scheme)
		shown = e.Secret
		if scheme != signature.Ed25519 {
			return nil
		}
		public, err := signature.PublicKey(e.Secret)
		shown = secret.String(signature.EncodePublicKey(public))
		return err
	})
	return shown, err
}

func (r *Registry) check(e Endpoint) error {
	fields := e.Check()
	if len(fields) == 0 && r.checkURL != nil {
		if err := r.checkURL(e.URL); err != nil {
			fields.Add("url", "%v", err)
		}
	}
	return fields.Err()
}

// Remove deletes an endpoint. What is pending for it waits for 24 hours, in case that it comes back, and fails then.
func (r *Registry) Remove(ctx context.Context, id string, version int64) error {
	return r.store.Write(ctx, func(tx *gorm.DB) error { return r.RemoveIn(tx, id, version) })
}

// RemoveIn is Remove as a part of a larger change.
func (r *Registry) RemoveIn(tx *gorm.DB, id string, version int64) error {
	if err := tx.Exec("DELETE FROM endpoint_states WHERE endpoint_id = ?", id).Error; err != nil {
		return problem.Of(err)
	}
	return r.Delete(tx, id, version)
}
