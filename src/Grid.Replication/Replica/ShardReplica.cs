using Grid.Formats.Links;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Log;
using Grid.Replication.Time;

namespace Grid.Replication.Replica;

/// <summary>Where a replica is in following its primary.</summary>
public enum ReplicaPhase
{
    /// <summary>Waits until it is time to attach.</summary>
    Detached,

    /// <summary>Has asked, and waits for its turn or for the answer on the command stream.</summary>
    Attaching,

    /// <summary>Loads a snapshot, and keeps the mutations behind it.</summary>
    Loading,

    /// <summary>Follows the command stream.</summary>
    Following,

    /// <summary>The shard does not want this copy any more.</summary>
    Dismissed,
}

/// <summary>
/// A replica of one shard: a deterministic state machine. Items of the command and the snapshot stream, answers and the
/// present time go in, calls of <see cref="IReplicaOutput"/> come out.
/// </summary>
/// <remarks>
/// <para>
/// It keeps mutations strictly in order, acknowledges what its log holds without holes, and applies what is committed,
/// because its log can be cut back and its data cannot. Whatever does not fit (a hole, a damaged item, a stranger's
/// sequence) ends in a new attach from its own position, never in a guess.
/// </para>
/// <para>
/// A snapshot is loaded into a copy of its own beside the old one, which takes the old one's place only when all of it
/// was found right; so a failed load is never seen.
/// </para>
/// <para>Not thread-safe: the caller serializes all calls, and holds the gate of <see cref="Copy"/> during each.</para>
/// </remarks>
public sealed partial class ShardReplica : IDisposable
{
    private BacklogAge _backlogAge = new();
    private ReplicaOptions _options;
    private readonly IEntropy _entropy;
    private readonly IReplicaOutput _output;

    private long _ownerToken;
    private long _attach;
    private Guid _nextCopyId;
    private long _nextSequence;
    private long _epoch;
    private long _committed;
    private long _keptBytesMax;
    private long _heardAtMs;
    private long _toldAtMs;
    private long _attachAtMs;
    private int _failures;
    private long _followsSinceMs;
    private LinkTraits _traits;
    private bool _agreesAnew;

    /// <summary>Makes the state machine of a copy; it attaches at the first <see cref="Tick"/> or <see cref="Follow"/>.</summary>
    /// <param name="copy">The silo's copy of the shard, empty or complete.</param>
    /// <param name="ownerToken">The token under which the caller owns it.</param>
    /// <param name="lastAttach">The highest attach number that this silo has used for the shard; numbers go on from there.</param>
    /// <param name="options">Settings.</param>
    /// <param name="entropy">Randomness.</param>
    /// <param name="output">Where effects go.</param>
    public ShardReplica(ShardCopy copy, long ownerToken, long lastAttach, ReplicaOptions options, IEntropy entropy, IReplicaOutput output)
    {
        Copy = copy;
        _ownerToken = ownerToken;
        _attach = lastAttach;
        _options = options;
        _entropy = entropy;
        _output = output;
    }

    /// <summary>The silo's copy of the shard; another one after a load.</summary>
    public ShardCopy Copy { get; private set; }

    /// <summary>The token under which <see cref="Copy"/> is owned; another one after a load.</summary>
    public long OwnerToken => _ownerToken;

    /// <summary>Where the replica is.</summary>
    public ReplicaPhase Phase { get; private set; }

    /// <summary>Number of the newest attach.</summary>
    public long AttachNumber => _attach;

    /// <summary>The reign that the newest attach brought the replica into; 0 before its first item.</summary>
    public long EpochFollowed => _epoch;


    /// <summary>True when what the copy holds may be served: it is whole, and all that a loaded one holds is committed.</summary>
    public bool MayServe => Copy.State == CopyState.Complete && (Copy.CommittedSeen >= Copy.Applied || Plants(PlantedBug.ServesLoadedAtOnce));

    /// <summary>Agreed on for the present link.</summary>
    public LinkTraits Traits => _traits;

    /// <summary>The primary asks for this replica, or says that it reigns now: attach at once.</summary>
    /// <param name="endedAttach">The link with this attach number has ended at the primary, whatever it looks like from here; 0 = none.</param>
    /// <param name="now">The present.</param>
    public void Follow(long endedAttach, Instant now)
    {
        if (!Owns())
            return;
        if (Phase != ReplicaPhase.Detached && endedAttach == _attach && endedAttach != 0)
        {
            _output.Report(ReplicaEvent.LinkEnded, $"attach {_attach} has ended at the primary");
            DropLoad("the primary ended the link");
            DetachAndRetry(now);
            return;
        }

        if (Phase is ReplicaPhase.Following or ReplicaPhase.Loading or ReplicaPhase.Attaching && now.MonotonicMs - _heardAtMs < _options.ReplicaTimeoutMs / 4)
            return;
        _attachAtMs = now.MonotonicMs;
        SendAttach(now);
    }

    /// <summary>
    /// Changes settings. A link whose command stream would now be agreed on differently is attached anew and goes on by
    /// partial resync, in mid-sync once the load is done; a replica that waits for a snapshot says at once what it can do now.
    /// A fault ends with a change of what is advertised: that is an operator's word to try anew.
    /// </summary>
    public void Reconfigure(ReplicaOptions options, Instant now)
    {
        if (!Owns())
            return;
        ReplicaCapabilities before = Capabilities;
        if (options.Capabilities != _options.Capabilities)
            EndFault("it is to take other payloads now");
        _options = options with { Planted = _options.Planted };
        if (Phase == ReplicaPhase.Attaching && Capabilities != before)
            SendAttach(now);
        else if (Phase == ReplicaPhase.Loading)
            _agreesAnew = true;
        else
            AgreeAnewIfNeeded(now);
    }

    /// <summary>The primary of a new reign speaks: the link to the old one is over.</summary>
    public void OnNewEpoch(long epoch, Instant now)
    {
        if (!Owns() || epoch <= Copy.EpochSeen)
            return;
        Copy.Observe(epoch, 0);
        SendAttach(now);
    }

    /// <summary>The primary answered the attach call; null when no answer came.</summary>
    public void OnAttachAnswered(long attach, AttachAnswer? answer, Instant now)
    {
        if (!Owns() || attach != _attach || Phase != ReplicaPhase.Attaching)
            return;
        switch (answer)
        {
            case AttachAnswer.Accepted:
                _heardAtMs = now.MonotonicMs;
                break;
            case AttachAnswer.NotWanted:
                Phase = ReplicaPhase.Dismissed;
                _output.Dismiss();
                break;
            default:
                DetachAndRetry(now);
                break;
        }
    }

    /// <summary>Time has passed; to be called about every 50 ms.</summary>
    public void Tick(Instant now)
    {
        if (!Owns() || Phase == ReplicaPhase.Dismissed)
            return;
        if (Phase == ReplicaPhase.Detached)
        {
            if (now.MonotonicMs >= _attachAtMs)
                SendAttach(now);
            return;
        }

        if (Phase == ReplicaPhase.Loading && now.MonotonicMs - _pieceAtMs >= _options.ReplicaTimeoutMs)
        {
            FailLoad(ReplicaEvent.LoadStalled, $"no piece of the snapshot came for {now.MonotonicMs - _pieceAtMs} ms", now);
            return;
        }

        if (Phase == ReplicaPhase.Following)
            KeepHouse(now);

        // Heartbeats may wait behind pieces on their way here: who takes pieces says so himself.
        if (Phase == ReplicaPhase.Loading && _pieceAtMs > _toldAtMs && !Plants(PlantedBug.SilentWhileLoading))
            Acknowledge(-1, now);
        if (now.MonotonicMs - _heardAtMs >= _options.ReplicaTimeoutMs)
        {
            DropLoad("the primary is silent");
            DetachAndRetry(now);
        }
    }

    /// <summary>The copy goes to another owner or away: a load in progress is dropped.</summary>
    public void Dispose()
    {
        DropLoad("the replica is closed");
        DropUnpacker();
        Phase = ReplicaPhase.Dismissed;
    }

    /// <summary>True when a test has asked for this mistake.</summary>
    private bool Plants(PlantedBug bug) => _options.Planted.Has(bug);

    /// <summary>What is advertised: after three damaged payloads in a row plaintext is asked for.</summary>
    private ReplicaCapabilities Capabilities => IsFaulted && !Plants(PlantedBug.NeverAsksForPlaintext) ? _options.Capabilities & ~ReplicaCapabilities.Lz4 : _options.Capabilities;

    private bool Owns() => Phase != ReplicaPhase.Dismissed && (Copy.IsOwnedBy(_ownerToken) || Plants(PlantedBug.IgnoresOwnerToken));

    private void SendAttach(Instant now)
    {
        DropLoad("the replica attaches anew");
        DropUnpacker();
        Phase = ReplicaPhase.Attaching;
        _traits = LinkTraits.None;
        _agreesAnew = false;
        _attach++;
        _nextSequence = 0;
        _epoch = 0;
        _committed = 0;
        _loadedSnapshot = 0;
        _heardAtMs = now.MonotonicMs;
        _keptBytesMax = _options.KeptBytesMax;
        _nextCopyId = _entropy.NextGuid();
        _output.Report(ReplicaEvent.Attaching, $"attach {_attach} from {Copy.Position}, applied {Copy.Applied}");
        _output.Attach(new AttachRequest
        {
            Shard = Copy.Shard,
            Copy = Copy.Name,
            NextCopyId = _nextCopyId,
            Attach = _attach,
            Capabilities = Capabilities,
            Complete = Copy.State == CopyState.Complete,
            LogEnd = Copy.Log.EndOffset,
            Applied = Copy.Applied,
            History = [.. Copy.History.Starts],
            Lineage = Copy.Lineage,
            EpochSeen = Copy.EpochSeen,
            KeptBytesMax = _keptBytesMax,
            FailedSnapshot = _failedSnapshot,
        });
    }

    /// <summary>Attaches again after a pause that doubles with each failure, with jitter, so that many replicas do not come at once.</summary>
    private void DetachAndRetry(Instant now)
    {
        Phase = ReplicaPhase.Detached;
        long pause = Math.Min((long)_options.BackoffMs << Math.Min(_failures, 16), _options.BackoffMaxMs);
        if (Plants(PlantedBug.RetriesAtOnce))
            pause = 0;
        _failures++;
        _attachAtMs = now.MonotonicMs + (pause / 2) + (long)(pause * _entropy.NextFraction() / 2);
    }

    private void Reattach(ReplicaEvent kind, string reason, Instant now)
    {
        _output.Report(kind, reason);
        DropLoad(reason);
        DetachAndRetry(now);
    }

    /// <summary>
    /// A link that has held for a while has nothing more to do with the failures before it: only then the pauses between
    /// attaches are short again, so that one that breaks each time does not become a storm.
    /// </summary>
    private void KeepHouse(Instant now)
    {
        if (now.MonotonicMs - _followsSinceMs >= _options.ReplicaTimeoutMs)
        {
            _failures = 0;
            EndRow();
            EndOldFault(now);
        }

        if (_agreesAnew && _traits != LinkTraits.None)
        {
            _agreesAnew = false;
            AgreeAnewIfNeeded(now);
        }

        long tooOld = _backlogAge.Note(now.MonotonicMs, Copy.Applied, _options.BacklogMsMax);
        if (tooOld >= Copy.Log.FirstOffset)
            Copy.Log.DropBefore(tooOld + 1, bytesKept: 0);
    }

    private void BeginToFollow(Instant now)
    {
        Phase = ReplicaPhase.Following;
        _followsSinceMs = now.MonotonicMs;
    }

    private void AgreeAnewIfNeeded(Instant now)
    {
        bool would = _traits.HasFlag(LinkTraits.OffersPacking) && Capabilities.HasFlag(ReplicaCapabilities.Lz4);
        bool fits = would == _traits.HasFlag(LinkTraits.PackedCommands) && !Plants(PlantedBug.ReattachesOnAnyChange);
        if (Phase != ReplicaPhase.Following || fits || Plants(PlantedBug.KeepsOldAgreement))
            return;
        _output.Report(ReplicaEvent.SettingsChanged, $"the command stream is to be {(would ? "packed" : "plain")}");
        SendAttach(now);
    }

    /// <summary>Tells what is held: -1 while there is no whole copy that follows.</summary>
    private void Acknowledge(long offset, Instant now)
    {
        _toldAtMs = now.MonotonicMs;
        _output.Acknowledge(new Acknowledgement(
            Copy.Shard,
            offset < 0 ? _loading?.Name ?? Copy.Name : Copy.Name,
            _epoch,
            _attach,
            offset,
            offset < 0 ? 0 : Copy.Applied,
            _loading?.Log.Bytes ?? 0,
            now.MonotonicMs));
    }
}
