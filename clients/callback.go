package clients

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"beckon/internal/secret"
)

// CallbackSecret is what signs the webhooks of single calls for a client that has set no webhookSecret. It follows from
// the token, so that whoever calls can verify what comes back without having been given a second secret:
//
//	whsec_ + base64(HMAC-SHA256(key: SHA-256(token), message: "beckon callbacks v1"))
func CallbackSecret(token Hash) secret.String {
	m := hmac.New(sha256.New, token[:])
	m.Write([]byte("beckon callbacks v1"))
	return secret.String("whsec_" + base64.StdEncoding.EncodeToString(m.Sum(nil)))
}
