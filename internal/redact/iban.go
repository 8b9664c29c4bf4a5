package redact

import "strings"

// ibanLengths has the countries of the IBAN registry (ISO 13616) with the length of their numbers.
const ibanLengths = `
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29
ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28
LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25
QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
`

var ibanLength = func() map[string]int {
	lengths := map[string]int{}
	for _, entry := range strings.Fields(ibanLengths) {
		lengths[entry[:2]] = int(entry[2]-'0')*10 + int(entry[3]-'0')
	}
	return lengths
}()

const longestIBAN = 34

// findIBAN finds IBANs, alone or in groups, whose check digits are right.
func findIBAN(text string, from int) (start, end int) {
	for i := from; i+4 <= len(text); i++ {
		if !isLetter(text[i]) || !isLetter(text[i+1]) || !isDigit(text[i+2]) || !isDigit(text[i+3]) ||
			i > 0 && isWord(text[i-1]) {
			continue
		}
		if end := ibanAt(text, i); end > 0 {
			return i, end
		}
	}
	return -1, -1
}

func ibanAt(text string, i int) (end int) {
	length := ibanLength[strings.ToUpper(text[i:i+2])]
	var letters [longestIBAN]byte
	n := 0
	for at := i; n < length; {
		switch {
		case at < len(text) && (isDigit(text[at]) || isLetter(text[at])):
			letters[n] = text[at]
			n++
			at++
			end = at
		case n > 0 && n < length && at == end && at < len(text) && separator(text, at) > 0:
			at += separator(text, at)
		default:
			return 0
		}
	}
	if length == 0 || end < len(text) && isWord(text[end]) || mod97(letters[:n]) != 1 {
		return 0
	}
	return end
}

// mod97 is what is left of an IBAN when it is divided as ISO 13616 says.
func mod97(letters []byte) int {
	left := 0
	for i := range letters {
		switch c := letters[(i+4)%len(letters)]; {
		case isDigit(c):
			left = (left*10 + int(c-'0')) % 97
		default:
			left = (left*100 + int(c|0x20-'a') + 10) % 97
		}
	}
	return left
}
