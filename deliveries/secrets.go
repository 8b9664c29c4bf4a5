package deliveries

import (
	"cmp"
	"context"
	"time"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/store"
)

func (e Endpoint) scheme() signature.Scheme {
	if e.destination() != nil {
		return unsigned
	}
	return signature.Scheme(cmp.Or(e.Signature, string(signature.Standard)))
}

// withSecret returns the endpoint with a new secret; the one before signs beside it for signature.Overlap, and so
// do those before that one as long as they did.
func (e Endpoint) withSecret(s secret.String, now time.Time) Endpoint {
	e.Secret, e.Retired = s, signature.Retire(e.Retired, e.Secret, s, now)
	return e
}

// OverlapUntil is when no secret but the newest signs any more; zero when there has been no other.
func (e Endpoint) OverlapUntil() time.Time {
	if len(e.Retired) == 0 {
		return time.Time{}
	}
	return e.Retired[0].Until
}

// signsStill returns the retired secrets that sign at a time.
func (e Endpoint) signsStill(now time.Time) (list []secret.String) {
	for _, old := range e.Retired {
		if now.Before(old.Until) {
			list = append(list, old.Secret)
		}
	}
	return list
}

// prepared returns a new endpoint with a secret that is made where it needs one and has none.
func (e Endpoint) prepared() Endpoint {
	if scheme := e.scheme(); e.Secret == "" && (scheme == signature.Standard || scheme == signature.HMACHex) {
		e.Secret = signature.NewSecret(scheme)
	}
	e.PreviousSecret, e.Retired = "", nil
	return e
}

// revised returns what an endpoint becomes when it is changed to another one; the zero Endpoint, what a new one is.
// A secret that is left out, or is as it is shown, stays; one that is replaced signs beside the new one for
// signature.Overlap. A new signature gets a new secret.
func (e Endpoint) revised(to Endpoint) Endpoint {
	if e.ID == "" {
		return to.prepared()
	}
	if to.Secret == secret.Mask || to.Secret == secret.Removed { // an endpoint always has one
		to.Secret = ""
	}
	to.PreviousSecret, to.Retired = "", nil
	if to.destination() != nil {
		if to.Format != e.Format && to.Secret == e.Secret { // what one receiver was given is not for another
			to.Secret = ""
		}
	} else if to.scheme() == e.scheme() {
		next := e.withSecret(cmp.Or(to.Secret, e.Secret), time.Now())
		to.Secret, to.Retired = next.Secret, next.Retired
	} else {
		to = to.prepared() // its secret is rotated to be seen
	}
	if e.Stopped && !to.IsEnabled() { // as it was shown
		to.Enabled, to.Stopped = e.Enabled, true
	}
	return to
}

// RotateSecret gives an endpoint of the database a new secret and returns it; for standard-ed25519, what verifies
// it. Those before it sign beside it for signature.Overlap each. The new one is made unless it is given; an Invalid
// says what one has to look like.
func RotateSecret(
	ctx context.Context, all catalog.Section[Endpoint], who, id string, given secret.String,
) (shown secret.String, err error) {
	err = all.Act(ctx, who, "rotate", id, nil, func(tx store.Tx) error {
		return all.Change(tx, id, func(e *Endpoint) error {
			shown, err = e.rotate(given)
			return err
		})
	})
	return shown, err
}

func (e *Endpoint) rotate(given secret.String) (shown secret.String, err error) {
	if e.destination() != nil {
		return "", problem.New(problem.Invalid, "unsigned",
			"Nothing is signed for %s: change the endpoint's secret as any other setting.", e.destination().Title)
	}
	next := cmp.Or(given, signature.NewSecret(e.scheme()))
	var found problem.Fields
	if err := signature.Check(e.scheme(), next); err != nil {
		found.Add("secret", "%s", reason(err))
	} else {
		catalog.CheckGiven(&found, "secret", next)
	}
	if err := found.Err(); err != nil {
		return "", err
	}
	if *e = e.withSecret(next, time.Now()); e.scheme() != signature.Ed25519 {
		return e.Secret, nil
	}
	public, err := signature.PublicKey(e.Secret)
	return secret.String(signature.EncodePublicKey(public)), err
}
