namespace Grid.Formats.Rdb;

/// <summary>
/// Receives what an <see cref="RdbReader"/> finds, in the order of the file. Spans are valid during the call only.
/// </summary>
/// <remarks>
/// The checksum is at the file's end: what came before <see cref="OnEnd"/> must be undone when an error follows.
/// </remarks>
public interface IRdbHandler
{
    /// <summary>The header: the format's version, 1 to 13 for Redis, 80 and up for Valkey.</summary>
    void OnHeader(int version, bool isValkey)
    {
    }

    /// <summary>An AUX field. May stand anywhere between keys. Unknown ones are to be ignored.</summary>
    void OnAux(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
    }

    /// <summary>The following keys are of database <paramref name="database"/>. Before the first call it is 0.</summary>
    void OnSelectDb(int database);

    /// <summary>How many keys, and keys with an expiry, the database holds: a hint.</summary>
    void OnResizeDb(ulong keys, ulong keysWithExpiry)
    {
    }

    /// <summary>A string key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value, decoded from whatever encoding it had.</param>
    /// <param name="expiryUnixMs">Milliseconds since 1970 at which the key expires, perhaps in the past; null: never.</param>
    void OnString(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long? expiryUnixMs);

    /// <summary>
    /// Something that is not a string key and was, or is about to be, skipped.
    /// </summary>
    /// <param name="typeName">"list", "set", "zset", "hash", "stream", "module NAME", "function", "module-aux NAME".</param>
    /// <param name="key">The key; empty for what belongs to no key.</param>
    void OnSkipped(string typeName, ReadOnlySpan<byte> key);

    /// <summary>The end of the file, its checksum verified.</summary>
    void OnEnd()
    {
    }
}
