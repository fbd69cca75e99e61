namespace Grid.Client;

/// <summary>A value that was found, or not.</summary>
/// <param name="Found">True if there is an entry under the key.</param>
/// <param name="Value">Its value; the type's default if there is none.</param>
/// <typeparam name="T">The value's type.</typeparam>
public readonly record struct GridValue<T>(bool Found, T? Value)
{
    /// <summary>The value, or <paramref name="other"/> if none was found.</summary>
    public T OrElse(T other) => Found ? Value! : other;

    /// <summary>True, and the value, if one was found.</summary>
    public bool TryGet([System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out T value)
    {
        value = Value;
        return Found;
    }
}

/// <summary>An entry that was found, or not.</summary>
/// <param name="Found">True if there is an entry under the key.</param>
/// <param name="Value">Its value; the type's default if there is none.</param>
/// <param name="Version">Its version: never 0, grows with every write, for compare-and-set; 0 if there is no entry.</param>
/// <param name="ExpiresAt">When it expires, by the clock of the shard's primary; null for never.</param>
/// <typeparam name="T">The value's type.</typeparam>
public readonly record struct GridEntry<T>(bool Found, T? Value, ulong Version, DateTimeOffset? ExpiresAt);

/// <summary>The expiry of an entry.</summary>
/// <param name="Found">True if there is an entry under the key.</param>
/// <param name="ExpiresAt">When it expires, by the clock of the shard's primary; null for never, or if there is no entry.</param>
/// <param name="TimeToLive">What is left by this process's clock, at least zero; null for ever, or if there is no entry.</param>
public readonly record struct GridExpiry(bool Found, DateTimeOffset? ExpiresAt, TimeSpan? TimeToLive);

/// <summary>What a set did.</summary>
/// <param name="Applied">False if its condition did not hold, and nothing was changed.</param>
/// <param name="Version">The version that it gave the entry; 0 if it was not applied.</param>
public readonly record struct SetResult(bool Applied, ulong Version);

/// <summary>What a get-or-add found or did.</summary>
/// <param name="Value">The value under the key: the one that was there, or the one that was added.</param>
/// <param name="Added">True if the value was added.</param>
/// <param name="Version">The version of the entry.</param>
/// <typeparam name="T">The value's type.</typeparam>
public readonly record struct GetOrAddResult<T>(T Value, bool Added, ulong Version);

/// <summary>An entry met by a scan.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Value">Its value; the type's default (for bytes: empty) in a scan of keys only.</param>
/// <param name="Version">Its version.</param>
/// <param name="ExpiresAt">When it expires, by the clock of the shard's primary; null for never, and in a scan of keys only.</param>
/// <typeparam name="TKey">The key's type.</typeparam>
/// <typeparam name="TValue">The value's type.</typeparam>
public readonly record struct ScanEntry<TKey, TValue>(TKey Key, TValue? Value, ulong Version, DateTimeOffset? ExpiresAt);
