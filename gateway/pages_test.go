package gateway

import (
	"net"
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
		{"sqlite:data/beckon.db", "admin.password", web.Setting{Value: "•••", Origin: "created and printed at the first start"}},
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

// The settings say where the gateway listens, and what its URL is derived from.
func TestSettingsInEffect(t *testing.T) {
	for _, row := range []struct {
		listens net.Addr
		have    web.Setting
		want    web.Setting
	}{
		{&net.TCPAddr{IP: net.IPv4zero, Port: 43210}, web.Setting{Key: "server.address", Value: ":0", Origin: "BECKON_SERVER_ADDRESS"},
			web.Setting{Key: "server.address", Value: "0.0.0.0:43210", Origin: "BECKON_SERVER_ADDRESS, which says :0"}},
		{&net.TCPAddr{IP: net.IPv4zero, Port: 8080}, web.Setting{Key: "server.address", Value: ":8080", Origin: "default"},
			web.Setting{Key: "server.address", Value: ":8080", Origin: "default"}},
		{&net.TCPAddr{IP: net.IPv4zero, Port: 43210}, web.Setting{Key: "server.publicURL", Value: "http://localhost:8080", Origin: "default"},
			web.Setting{Key: "server.publicURL", Value: "http://localhost:43210", Origin: "derived from the address that Beckon listens on"}},
		{nil, web.Setting{Key: "server.address", Value: ":8080", Origin: "default"}, web.Setting{Key: "server.address", Value: ":8080", Origin: "default"}},
	} {
		s := settings{&Gateway{Config: Config{Initial: &config.Config{}, Address: row.listens}}}
		got := row.have
		s.showEffective(&got)
		require.Equal(t, row.want, got)
	}
}
