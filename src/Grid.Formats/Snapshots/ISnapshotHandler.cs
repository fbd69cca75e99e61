namespace Grid.Formats.Snapshots;

/// <summary>
/// Receives what a <see cref="SnapshotReader"/> finds, in order. Spans are valid during the call only.
/// </summary>
/// <remarks>Only <see cref="OnEnd"/> says that all of it was right: what came before must be dropped when an error follows.</remarks>
public interface ISnapshotHandler
{
    /// <summary>What the snapshot is of; the first call, once.</summary>
    void OnMetadata(SnapshotMetadata metadata);

    /// <summary>The following entries belong to this keyspace. It may come again later.</summary>
    void OnKeyspace(int database, string name);

    /// <summary>About how many entries follow in this keyspace. A hint from outside: nothing to allocate by unchecked.</summary>
    void OnSizeHint(ulong entries, ulong expiring)
    {
    }

    /// <summary>An entry. <paramref name="expiryUnixMs"/> is in milliseconds since 1970, 0: never.</summary>
    void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs);

    /// <summary>The versions of the entries since the last such call, one for each in their order, at most 65,536.</summary>
    void OnVersions(ReadOnlySpan<ulong> versions);

    /// <summary>A field of the writer's own, see <see cref="SnapshotWriter.WriteExtra"/>.</summary>
    void OnExtra(string name, ReadOnlySpan<byte> value);

    /// <summary>All has been read, and totals and checksums agree.</summary>
    void OnEnd(SnapshotTotals totals);
}
