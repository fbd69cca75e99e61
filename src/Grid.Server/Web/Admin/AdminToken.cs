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
/// Knows the admin token. Compares in constant time, and hashes, so that neither characters nor length can be told from the time; a wrong one keeps its
/// place for a second, of which there are few: nobody guesses faster than that, from however many connections.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class AdminToken(string token, TimeProvider time) : IDisposable
{
    /// <summary>Wrong tokens that are answered per <see cref="WrongTime"/>.</summary>
    public const int PlacesMax = 4;

    private const string Scheme = "Bearer ";

    /// <summary>How long a wrong token waits for its answer.</summary>
    public static readonly TimeSpan WrongTime = TimeSpan.FromSeconds(1);

    private readonly byte[]? _hash = token.Length == 0 ? null : SHA256.HashData(Encoding.UTF8.GetBytes(token));
    private readonly SemaphoreSlim _places = new(PlacesMax, PlacesMax);

    /// <summary>Whether there are any actions.</summary>
    public bool IsSet => _hash is not null;

    /// <summary>Looks at a request's header <c>Authorization</c>.</summary>
    public async Task<TokenVerdict> CheckAsync(string? authorization, CancellationToken cancellation)
    {
        if (_hash is null)
            return TokenVerdict.Off;
        if (!await _places.WaitAsync(0, CancellationToken.None))
            return TokenVerdict.Busy;
        try
        {
            string given = authorization is not null && authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? authorization[Scheme.Length..] : "";
            if (CryptographicOperations.FixedTimeEquals(_hash, SHA256.HashData(Encoding.UTF8.GetBytes(given))))
                return TokenVerdict.Right;

            // Not ended by the caller's leaving, who would have his place back at once.
            await Task.Delay(WrongTime, time, CancellationToken.None);
            cancellation.ThrowIfCancellationRequested();
            return TokenVerdict.Wrong;
        }
        finally
        {
            _places.Release();
        }
    }

    public void Dispose() => _places.Dispose();
}
