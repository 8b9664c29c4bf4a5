package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/sealed"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// secretsKey returns what seals the stored secrets: server.secretsKey, or a file beside the database, which is made
// while there is nothing that another key has sealed.
func secretsKey(ctx context.Context, c *config.Config, s *store.Store) (secret.String, error) {
	if c.Server.SecretsKey != "" {
		return c.Server.SecretsKey, nil
	}
	path, ok := secretsKeyFile(c)
	if !ok {
		return "", errors.New("to keep secrets in PostgreSQL, set server.secretsKey to the same value on every replica")
	}
	key, err := secret.ReadKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	hasSealed, err := catalog.HasSealed(context.WithoutCancel(ctx), s)
	if err != nil {
		return "", err
	}
	if hasSealed {
		return "", fmt.Errorf("the key that sealed the stored secrets is missing: restore %s. When it is lost, "+
			"put a new one there (openssl rand -base64 32), start again and give the secrets again", path)
	}
	return secret.MakeKeyFile(path)
}

// ensureSecretsKey makes the key at the first start, and logs what is wrong with it later. Without it the gateway
// works, but for what needs the stored secrets.
func ensureSecretsKey(ctx context.Context, c *config.Config, s *store.Store, log *slog.Logger) {
	path, ok := secretsKeyFile(c)
	if !ok || c.Server.SecretsKey != "" {
		return
	}
	if _, err := secretsKey(ctx, c, s); err != nil {
		log.Error("the stored secrets cannot be read", "error", err)
		return
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("others than its owner may read the secrets key: chmod 600 it",
			"file", path, "mode", info.Mode().Perm().String())
	}
}

// rotateAtMost is how often all that is sealed is gone through.
const rotateAtMost = 10

// RotateSecrets seals everything with the secrets key that server.previousSecretsKey has sealed. Gateways may work
// meanwhile, if they have both keys.
func RotateSecrets(ctx context.Context, c *config.Config) (r sealed.Resealed, err error) {
	if c.Server.PreviousSecretsKey == "" {
		return r, errors.New("server.previousSecretsKey is empty: set it to the key before, " +
			"and server.secretsKey to the new one, restart all gateways, and then rotate")
	}
	db, err := openUsed(ctx, c)
	if err != nil {
		return r, err
	}
	defer db.close()
	for range rotateAtMost { // a gateway may have changed a row while it was sealed anew
		again, err := sealed.Reseal(ctx, db.store, db.sealer, false)
		r.Changed, r.Lost = r.Changed+again.Changed, again.Lost
		if err != nil || again.Changed == 0 {
			return r, err
		}
	}
	return r, errors.New("a gateway still seals with the key before: restart all gateways with both keys")
}

// secretsKeyFile is where the key is that a start without one makes; ok is false where it makes none.
func secretsKeyFile(c *config.Config) (path string, ok bool) {
	path, ok = strings.CutPrefix(c.Database.URL.Reveal(), "sqlite:")
	return filepath.Join(filepath.Dir(path), "secrets.key"), ok
}
