package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnusedVariables(t *testing.T) {
	env := vars{"BECKON_KEY_OF_P": "sk-1", "BECKON_OF_THE_PAGE": "sk-2", "BECKON_INDIRECT": "${BECKON_DIRECT}", "BECKON_DIRECT": "x", "BECKON_SERVER_ADDRESS": ":9", "BECKON_ADMIN_PASSWORD_FILE": ""}
	c := load(t, "admin: {variables: [BECKON_OF_THE_PAGE], token: '${BECKON_INDIRECT}'}\nlog: {level: '${BECKON_LEVEL:-warn}'}\nserver: {secretsKey: '${BECKON_KEY_OF_P}'}", env)
	for variable, want := range map[string]string{
		"BECKON_SERVER_ADRESS=s3cret":                 "sets nothing; did you mean BECKON_SERVER_ADDRESS?",
		"BECKON_SEVER_ADDRESS=s3cret":                 "sets nothing; did you mean BECKON_SERVER_ADDRESS?",
		"BECKON_ADDRESS=s3cret":                       "sets nothing; did you mean BECKON_SERVER_ADDRESS?",
		"BECKON_PASSWORD_FILE=/s3cret":                "sets nothing; did you mean BECKON_ADMIN_PASSWORD_FILE?",
		"BECKON_DATABASE_URI=s3cret":                  "sets nothing; did you mean BECKON_DATABASE_URL?",
		"BECKON_SERVER_MAX_BODYBYTES=s3cret":          "sets nothing; did you mean BECKON_SERVER_MAXBODYBYTES?",
		"BECKON_EGRESS_ALLOW_PRIVATE=s3cret":          "sets nothing: egress.allowPrivate is set in the configuration file only",
		"BECKON_RETENTION_RUN=s3cret":                 "sets nothing: retention.runs is set in the configuration file only",
		"BECKON_SERVER_PORT=8080":                     "sets nothing: there is no such setting",
		"BECKON_PORT=8080":                            "sets nothing: there is no such setting",
		"BECKON_CLIENTS=s3cret":                       "sets nothing: there is no such setting",
		"BECKON_=s3cret":                              "sets nothing: there is no such setting",
		"BECKON_" + strings.Repeat("A", 1<<16) + "=x": "sets nothing: there is no such setting",
	} {
		found := c.UnusedVariables([]string{"HOME=/root", variable})
		name, _, _ := strings.Cut(variable, "=")
		require.Len(t, found, 1, variable)
		require.Equal(t, name, found[0].ID)
		require.EqualError(t, found[0].Fields.Err(), want, variable)
	}
	require.Empty(t, c.UnusedVariables([]string{
		"BECKON_SERVER_ADDRESS=:9", "BECKON_ADMIN_PASSWORD_FILE=/x", "BECKON_SERVER_PUBLIC_URL=x", "BECKON_LOG_FORMAT=", "BECKON_NOTHING=",
		"BECKON_KEY_OF_P=sk", "BECKON_OF_THE_PAGE=sk", "BECKON_INDIRECT=x", "BECKON_DIRECT=x", "BECKON_LEVEL=info",
		"BECKON_URL=x", "BECKON_TOKEN=x", "BECKON_WEBHOOK_SECRET=x", "BECKON_TEST_DATABASE=postgres", "BECKONING=x", "=C:=x",
		"BECKON_PORT=tcp://10.0.0.1:80", "BECKON_SERVICE_HOST=10.0.0.1", "BECKON_SERVICE_PORT=80", "BECKON_SERVICE_PORT_HTTP=80", "BECKON_PORT_80_TCP=tcp://10.0.0.1:80",
		"BECKON_PORT_80_TCP_PROTO=tcp", "BECKON_PORT_80_TCP_PORT=80", "BECKON_PORT_80_TCP_ADDR=10.0.0.1", "BECKON_SERVER_PORT=tcp://10.0.0.1:80", "BECKON_SERVER_SERVICE_PORT=80",
	}))
}
