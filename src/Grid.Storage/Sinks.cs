namespace Grid.Storage;

/// <summary>Takes the entries of a scan. It must not mutate the store that calls it.</summary>
public interface IEntrySink
{
    /// <summary>One entry; the spans are valid during the call.</summary>
    void OnEntry(ReadOnlySpan<byte> key, in EntryView entry);
}

/// <summary>Takes the keys that a walk found expired. It must not mutate the store that calls it.</summary>
public interface IExpiredSink
{
    /// <summary>An entry whose expiry has passed; the span is valid during the call.</summary>
    /// <returns>False to end the walk here, for instance because a batch is full; it is resumed by the next one.</returns>
    bool OnExpired(Keyspace keyspace, ReadOnlySpan<byte> key, ulong version);
}

/// <summary>Takes the contents of a snapshot in hash order. It must not mutate the store that calls it.</summary>
public interface ISnapshotSink
{
    /// <summary>The entries that follow, up to the next call, belong to this keyspace. Called for empty keyspaces too.</summary>
    void OnKeyspace(int id, string name);

    /// <summary>One entry as it was at the snapshot's moment, expired or not; the spans are valid during the call.</summary>
    /// <param name="key">The key's bytes.</param>
    /// <param name="value">The value's bytes.</param>
    /// <param name="expiryUnixMs">Unix milliseconds; 0 = none.</param>
    /// <param name="version">The version, at most the snapshot's base.</param>
    void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version);
}
