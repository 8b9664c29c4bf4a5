package clients

import (
	"context"
	"time"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/units"
)

// RotateToken gives a client of the database a new token. It returns the token, and the secret for callbacks that
// is derived from it unless the client has its own. The previous token stays valid for overlap, MaxOverlap at most;
// an older one that was still valid ends now.
func RotateToken(
	ctx context.Context, all catalog.Section[Client], who, id string, overlap time.Duration,
) (issued Issued, err error) {
	if err := checkOverlap(overlap); err != nil {
		return Issued{}, err
	}
	record, err := all.Get(ctx, id)
	if err != nil {
		return Issued{}, err
	}
	err = all.Act(ctx, who, "rotate", id,
		map[string]units.Duration{"overlap": units.Duration(overlap)}, func(tx store.Tx) error {
			issued.Token, err = rotateToken(tx, id, time.Now(), overlap)
			return err
		})
	if err == nil && record.Item.WebhookSecret == "" {
		issued = record.Item.Issued(issued.Token)
	}
	return issued, err
}

func rotateToken(tx store.Tx, id string, now time.Time, overlap time.Duration) (secret.String, error) {
	if err := endTokens(tx, id, now.Add(overlap)); err != nil {
		return "", err
	}
	token, err := addToken(tx, id, now)
	if err != nil {
		return "", err
	}
	return token, catalog.Touch(tx)
}

// checkOverlap checks how long an old token or key is to stay good beside a new one.
func checkOverlap(overlap time.Duration) error {
	var wrong problem.Fields
	if overlap < 0 || overlap > MaxOverlap {
		wrong.Add("overlap", "must be from 0s to %s", units.Duration(MaxOverlap))
	}
	return wrong.Err()
}
