package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/config"
	"beckon/internal/secret"
	"beckon/web"
)

// What Beckon has made because nobody set it is in force, and the settings don't say that it is missing.
func TestSettingsThatBeckonMakes(t *testing.T) {
	for _, row := range []struct {
		database string
		key      string
		want     web.Setting
	}{
		{"sqlite:data/beckon.db", "admin.password", web.Setting{Value: "•••", Origin: "made at the first start, which printed it"}},
		{"sqlite:data/beckon.db", "server.secretsKey", web.Setting{Value: "•••", Origin: "made by Beckon, in data/secrets.key"}},
		{"postgres://db.example/beckon", "server.secretsKey", web.Setting{Origin: "default"}},
		{"sqlite:data/beckon.db", "admin.token", web.Setting{Origin: "default"}},
	} {
		p := &adminPage{started: &config.Config{}}
		p.started.Database.URL = secret.String(row.database)
		got := web.Setting{Key: row.key, Origin: "default"}
		p.addMade(&got)
		row.want.Key = row.key
		require.Equal(t, row.want, got)
	}
}
