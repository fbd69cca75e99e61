using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Grid.Server.Web.Admin;

/// <summary>What came of a look at a token.</summary>
internal enum TokenVerdict
{
    /// <summary>It is the right one.</summary>
    Right,

    /// <summary>It is not.</summary>
    Wrong,

    /// <summary>Too many are being looked at.</summary>
    Busy,

    /// <summary>No token is configured: there are no actions.</summary>
    Off,
}

/// <summary>
/// Knows the admin token. Compares in constant time, and hashes, so that neither characters nor length can be told from the time. A wrong one keeps a place of
/// the address that it came from for a second, of which each address has few: nobody guesses faster than that, over however many connections, and whoever
/// guesses keeps only his own address from being heard, not an operator with the right token at another.
/// </summary>
/// <remarks>
/// Thread-safe. From an address that is guessing the right token is not heard either: an answer to each of any number of tokens would be as many guesses.
/// Bounded: when so many addresses guess at once that there are no places left at all, nobody new is heard.
/// </remarks>
internal sealed class AdminToken(string token, TimeProvider time)
{
    /// <summary>Wrong tokens that are answered to an address per <see cref="WrongTime"/>.</summary>
    public const int PlacesMax = 4;

    /// <summary>Addresses that may guess at once.</summary>
    public const int AddressesMax = 64;

    private const string Scheme = "Bearer ";

    /// <summary>Of an address of version 6 the part that one network has: whoever has one such address has all of them.</summary>
    private const int NetworkBytes = 8;

    /// <summary>How long a wrong token waits for its answer.</summary>
    public static readonly TimeSpan WrongTime = TimeSpan.FromSeconds(1);

    private readonly byte[]? _hash = token.Length == 0 ? null : SHA256.HashData(Encoding.UTF8.GetBytes(token));
    private readonly Lock _gate = new();
    private readonly Dictionary<IPAddress, int> _wrong = [];

    /// <summary>Whether there are any actions.</summary>
    public bool IsSet => _hash is not null;

    /// <summary>Looks at a request's header <c>Authorization</c>.</summary>
    /// <param name="authorization">The header.</param>
    /// <param name="from">Where the request comes from.</param>
    /// <param name="cancellation">Ends nothing before its time; a caller who has gone gets no answer.</param>
    public async Task<TokenVerdict> CheckAsync(string? authorization, IPAddress? from, CancellationToken cancellation)
    {
        if (_hash is null)
            return TokenVerdict.Off;
        IPAddress network = NetworkOf(from);
        string given = authorization is not null && authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? authorization[Scheme.Length..] : "";
        bool right = CryptographicOperations.FixedTimeEquals(_hash, SHA256.HashData(Encoding.UTF8.GetBytes(given)));
        if (!TryHear(network, right))
            return TokenVerdict.Busy;
        if (right)
            return TokenVerdict.Right;
        try
        {
            // Not ended by the caller's leaving, who would have his place back at once.
            await Task.Delay(WrongTime, time, CancellationToken.None);
            cancellation.ThrowIfCancellationRequested();
            return TokenVerdict.Wrong;
        }
        finally
        {
            Leave(network);
        }
    }

    private static IPAddress NetworkOf(IPAddress? from)
    {
        if (from is null)
            return IPAddress.None;
        if (from.IsIPv4MappedToIPv6)
            return from.MapToIPv4();
        if (from.AddressFamily != AddressFamily.InterNetworkV6)
            return from;
        byte[] bytes = from.GetAddressBytes();
        bytes.AsSpan(NetworkBytes).Clear();
        return new IPAddress(bytes);
    }

    /// <summary>Whether a network may be told what its token is; a wrong one takes a place.</summary>
    private bool TryHear(IPAddress network, bool right)
    {
        lock (_gate)
        {
            int there = _wrong.GetValueOrDefault(network);
            if (there == PlacesMax || (there == 0 && _wrong.Count == AddressesMax))
                return false;
            if (!right)
                _wrong[network] = there + 1;
            return true;
        }
    }

    private void Leave(IPAddress network)
    {
        lock (_gate)
        {
            int left = _wrong[network] - 1;
            if (left == 0)
                _wrong.Remove(network);
            else
                _wrong[network] = left;
        }
    }
}
