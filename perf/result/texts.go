package result

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkTexts looks at every text of a result, and finds what is no text for a terminal or a page.
func checkTexts(v reflect.Value, path string) error {
	return eachText(v, path, func(s, path string) (string, error) {
		if len(s) > MaxText && !strings.HasSuffix(path, "."+histogramField) {
			return s, fmt.Errorf("%w: %s has %d bytes; %d at most", ErrTooLarge, path, len(s), MaxText)
		}
		if !utf8.ValidString(s) || strings.ContainsFunc(s, unspeakable) {
			return s, fmt.Errorf("%w: %s is %q; control characters are no text", ErrMalformed, path, shorten(s))
		}
		return s, nil
	})
}

// cleanTexts makes every text of a result one that checkTexts lets pass: a command line may be anything.
func cleanTexts(v reflect.Value) {
	_ = eachText(v, "", func(s, path string) (string, error) {
		if strings.HasSuffix(path, "."+histogramField) {
			return s, nil
		}
		s = strings.ToValidUTF8(s, "\uFFFD")
		s = strings.Map(func(r rune) rune {
			if unspeakable(r) {
				return ' '
			}
			return r
		}, s)
		for len(s) > MaxText {
			_, size := utf8.DecodeLastRuneInString(s)
			s = s[:len(s)-size]
		}
		return s, nil
	})
}

const histogramField = "Histogram"

// unspeakable says whether a terminal or a page could be led astray: control characters, and those that turn text around.
func unspeakable(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// eachText calls do for every text in v, at any depth, and puts what it returns into its place where that can be set.
func eachText(v reflect.Value, path string, do func(s, path string) (string, error)) error {
	switch v.Kind() {
	case reflect.String:
		s, err := do(v.String(), path)
		if err == nil && v.CanSet() {
			v.SetString(s)
		}
		return err
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				if err := eachText(v.Field(i), path+"."+f.Name, do); err != nil {
					return err
				}
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct || v.Type().Elem().Kind() == reflect.String {
			for i := range v.Len() {
				if err := eachText(v.Index(i), fmt.Sprintf("%s[%d]", path, i), do); err != nil {
					return err
				}
			}
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			key, err := do(k.String(), path)
			if err != nil {
				return err
			}
			value, err := do(v.MapIndex(k).String(), path+"."+shorten(key))
			if err != nil {
				return err
			}
			v.SetMapIndex(k, reflect.Value{})
			v.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(value))
		}
	}
	return nil
}
