package clients_test

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/internal/signature"
)

func TestCallbackSecretIsComputedByHand(t *testing.T) {
	const token = "mgc_a_token_of_this_test"
	// HMAC (RFC 2104) the long way: H(K xor opad, H(K xor ipad, text)), the key filled up to a block of 64 bytes.
	inner, outer := [64]byte{}, [64]byte{}
	key := sha256.Sum256([]byte(token))
	copy(inner[:], key[:])
	copy(outer[:], key[:])
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	first := sha256.Sum256(append(inner[:], "beckon callbacks v1"...))
	second := sha256.Sum256(append(outer[:], first[:]...))

	got := clients.CallbackSecret(clients.HashOf(token))
	require.Equal(t, "whsec_"+base64.StdEncoding.EncodeToString(second[:]), got.Reveal())
	require.NoError(t, signature.Check(signature.Standard, got))
	require.NotEqual(t, got.Reveal(), clients.CallbackSecret(clients.HashOf(token+"x")).Reveal())
}
