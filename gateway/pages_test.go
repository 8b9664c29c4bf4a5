package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/config"
	"beckon/internal/secret"
	"beckon/web"
)

// What Beckon has generated because nobody set it is in force, and the settings don't say that it is missing.
func TestSettingsThatBeckonGenerates(t *testing.T) {
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
		s := settings{&Gateway{Config: Config{Initial: &config.Config{}}}}
		s.Initial.Database.URL = secret.String(row.database)
		got := web.Setting{Key: row.key, Origin: "default"}
		s.showGenerated(&got)
		row.want.Key = row.key
		require.Equal(t, row.want, got)
	}
}
