using System.Diagnostics.CodeAnalysis;

namespace Grid.Silo.Snapshots;

/// <summary>
/// Bounds the syncs that a silo's primaries serve at the same time. Who gets no place waits before its sync window closes,
/// so that nothing is scanned, announced or kept for a snapshot that could not be sent yet.
/// </summary>
/// <remarks>Thread-safe. Places are given in the order of the requests.</remarks>
internal sealed class SyncPlaces : IDisposable
{
    private readonly Lock _lock = new();
    private readonly HashSet<object> _holders = new(ReferenceEqualityComparer.Instance);
    private readonly LinkedList<(object Owner, Action Granted)> _waiting = new();
    private readonly GridSettings _settings;

    public SyncPlaces(GridSettings settings)
    {
        _settings = settings;
        settings.Changed += OnChanged;
    }

    /// <summary>Syncs that have a place.</summary>
    public int Held
    {
        get
        {
            lock (_lock)
                return _holders.Count;
        }
    }

    /// <summary>Syncs that wait for one.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
                return _waiting.Count;
        }
    }

    /// <summary>Asks for a place for <paramref name="owner"/>; <paramref name="granted"/> is called once, from any thread, unless it is released before; a call that is under way then still comes.</summary>
    public void Request(object owner, Action granted)
    {
        lock (_lock)
            _waiting.AddLast((owner, granted));
        GiveFree();
    }

    /// <summary>Gives the owner's place back, or its wish up.</summary>
    public void Release(object owner)
    {
        lock (_lock)
        {
            _holders.Remove(owner);
            for (LinkedListNode<(object Owner, Action Granted)>? node = _waiting.First; node is not null; node = node.Next)
            {
                if (!ReferenceEquals(node.Value.Owner, owner))
                    continue;
                _waiting.Remove(node);
                break;
            }
        }

        GiveFree();
    }

    public void Dispose() => _settings.Changed -= OnChanged;

    private void OnChanged(GridOptions options) => GiveFree();

    private void GiveFree()
    {
        while (TryGive(out Action? granted))
            granted();
    }

    private bool TryGive([NotNullWhen(true)] out Action? granted)
    {
        lock (_lock)
        {
            granted = null;
            if (_holders.Count >= _settings.Current.SnapshotsPerSiloMax || _waiting.First is not { } first)
                return false;
            _waiting.RemoveFirst();
            _holders.Add(first.Value.Owner);
            granted = first.Value.Granted;
            return true;
        }
    }
}
