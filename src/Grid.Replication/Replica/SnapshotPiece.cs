using Grid.Formats.Links;

namespace Grid.Replication.Replica;

/// <summary>A piece of a snapshot that is to be loaded: the long part of taking an item, for which the state machine need not wait.</summary>
/// <remarks>
/// While it lives, the copy that is being loaded is kept, even if the load is dropped meanwhile. Not thread-safe; made by
/// <see cref="ShardReplica.BeginSnapshotItem"/>, ended by <see cref="ShardReplica.EndPiece"/>.
/// </remarks>
public sealed class SnapshotPiece : IDisposable
{
    private bool _disposed;

    internal SnapshotPiece(SnapshotLoad load)
    {
        Of = load;
        load.Enter();
    }

    internal SnapshotLoad Of { get; }

    /// <summary>Why it could not be loaded; null if it could.</summary>
    internal Exception? Failure { get; private set; }

    /// <summary>Loads the piece.</summary>
    /// <param name="item">The item that it came in.</param>
    public void Load(ReadOnlySpan<byte> item)
    {
        try
        {
            Of.Feed(item[LinkItem.HeadLength..]);
        }
        catch (Exception failure)
        {
            // Damage or a defect: the state machine is told either way.
            Failure = failure;
        }
    }

    /// <summary>Lets the copy go.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        Of.Exit();
    }
}
