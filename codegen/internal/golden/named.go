package golden

import (
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/corechan/corechan/codegen/internal/golden/other"
)

// Types with names and no methods.
type (
	Color uint8
	Words []string
	Meta  map[string]string
	Key   string
)

// Named has types with names, of this package and of others, with methods to marshal them and without.
//
//corechan:message
type Named struct {
	Color    Color
	Colors   []Color
	Words    Words
	Meta     Meta
	Key      Key
	ByKey    map[Key]Color
	ByInt    map[int]string
	ByBool   map[bool][]string
	ByColor  map[Color]Level
	Mode     fs.FileMode
	Header   http.Header
	IP       net.IP
	Addr     netip.Addr
	Addrs    []netip.Addr
	AddrMap  map[string]netip.Addr
	URL      *url.URL
	Big      *big.Int
	Waits    map[string]time.Duration
	Month    time.Month
	Money    other.Money
	Moneys   []*other.Money
	Currency other.Currency
	Flags    []other.Flags
	Labels   other.Labels
}

// Containers has containers and pointers, in each other.
//
//corechan:message
type Containers struct {
	Grid     [][4]int
	Pairs    [][2]byte
	Fixed    [2]map[string]int
	Deep     map[string]map[string][]Level
	Int      *int
	String   *string
	Time     *time.Time
	Color    *Color
	Level    *Level
	Levels   []*Level
	LevelMap map[string]*Level
	Anys     []any
	AnyMap   map[string]any
	Inline   struct {
		A int `msg:"a"`
		B []string
	}
	Inlines   []struct{ X, Y int32 }
	Times     []time.Time
	Arrays    [][3]uint16
	Code      *Code
	Codes     []*Code
	Inner     *struct{ A int }
	CodeMap   map[Key]*Code
	Names     Names
	NamesList []Names
	Tree      Tree
	Trees     []Tree
}
