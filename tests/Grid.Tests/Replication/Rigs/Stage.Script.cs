using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Grid.Formats.Buffers;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Replica;
using Grid.Storage;
using Xunit;

namespace Grid.Tests.Replication.Rigs;

/// <content>What a scenario's script says.</content>
internal sealed partial class Stage
{
    private const int PatienceMs = 30_000;

    private Func<byte[], byte[]>? _changesPayload;
    private Func<byte[], byte[]>? _changesFile;

    /// <summary>A silo joins, with nothing; the primary has a replica brought up there.</summary>
    public StageSilo Join(string name, bool lz4 = true, bool dualChannel = true, Func<ReplicaOptions, ReplicaOptions>? change = null)
    {
        ReplicaCapabilities capabilities = (lz4 ? ReplicaCapabilities.Lz4 : 0) | (dualChannel ? ReplicaCapabilities.DualChannel : 0);
        Act($"{name} joins ({Text(capabilities)})");
        ReplicaOptions options = Settings.Replica with { Capabilities = capabilities };
        StageSilo silo = Add(name, change?.Invoke(options) ?? options);
        silo.StartReplica();
        SilosChange();
        return silo;
    }

    /// <summary>A silo joins of which nobody wants a replica yet.</summary>
    public StageSilo Add(string name)
    {
        Act($"{name} joins, and holds nothing");
        StageSilo silo = Add(name, Settings.Replica);
        silo.IsIdle = true;
        return silo;
    }

    /// <summary>The shard's replicas are to be on these silos.</summary>
    public void Want(params string[] silos)
    {
        Act($"the replicas are to be on {string.Join(", ", silos)}");
        Primary.Core.Want(silos, Now);
        Pump();
    }

    /// <summary>A silo dies, and everybody knows.</summary>
    public void Kill(string name)
    {
        Act($"{name} is killed");
        _alive.Remove(name);
        if (_primary?.Silo == name)
        {
            Gone(_primary);
            foreach (StageSilo other in _silos.Values)
                other.ForgetStreams();
        }

        Silo(name).EndReplica();
        if (_primary is not null)
            SilosChange();
    }

    /// <summary>The replica's grain is gone; its silo and its copy stay.</summary>
    public void StopReplica(string name)
    {
        Act($"the replica on {name} stops");
        Silo(name).EndReplica();
    }

    /// <summary>The replica's grain is activated again, over the copy that its silo still has.</summary>
    public void RestartReplica(string name)
    {
        Act($"the replica on {name} starts anew from its copy");
        Silo(name).StartReplica();
        Silo(name).Follow(Primary.Core.Epoch);
        Pump();
    }

    /// <summary>The copy on a silo is thrown away; its replica starts from nothing.</summary>
    public void DropCopy(string name)
    {
        Act($"the copy on {name} is dropped");
        Silo(name).Empty();
        Silo(name).Follow(Primary.Core.Epoch);
        Pump();
    }

    /// <summary>Settings of the primary change while it reigns.</summary>
    public void ReconfigurePrimary(string how, Func<PrimaryOptions, PrimaryOptions> change)
    {
        Act($"settings at {Primary.Silo}: {how}");
        Settings = Settings with { Primary = change(Settings.Primary) };
        Primary.Core.Reconfigure(Settings.Primary, Now);
        Pump();
    }

    /// <summary>Settings of a replica change while it follows.</summary>
    public void ReconfigureReplica(string name, string how, Func<ReplicaOptions, ReplicaOptions> change)
    {
        Act($"settings at {name}: {how}");
        Silo(name).Reconfigure(change(Silo(name).Options));
        Pump();
    }

    /// <summary>One write whose reply is shown.</summary>
    public StageCall Set(string key, string value = "v")
    {
        Act($"set {key} ({value.Length} bytes)");
        return Execute(new StageCall($"set {key}"), Op.Set(key, value));
    }

    /// <summary>One linearizable read whose reply is shown.</summary>
    /// <param name="key">The key.</param>
    /// <param name="at">The silo whose primary is asked, should two believe that they reign.</param>
    public StageCall Get(string key, string? at = null)
    {
        StagePrimary primary = at is null ? Primary : PrimaryOn(at);
        Act($"get {key} at {primary.Silo}");
        return Execute(new StageCall($"get {key} at {primary.Silo}"), Op.Get(key), primary);
    }

    /// <summary>One write at a primary that others may not know of any more.</summary>
    public StageCall SetAt(string silo, string key, string value = "v")
    {
        Act($"set {key} at {silo}");
        return Execute(new StageCall($"set {key} at {silo}"), Op.Set(key, value), PrimaryOn(silo));
    }

    /// <summary>Writes of which only what they cause is shown.</summary>
    public IReadOnlyList<StageCall> Write(int count, string prefix = "k", int bytes = 20, bool compressible = true)
    {
        Act($"{count} sets of {bytes} bytes");
        Random random = new(count);
        List<StageCall> calls = [];
        for (int i = 0; i < count; i++)
            calls.Add(Execute(new StageCall(null), Op.Set($"{prefix}{i:d3}", compressible ? Filler(bytes, i) : Noise(bytes, random))));
        return calls;
    }

    /// <summary>The payload of the next snapshot is changed before it is cut into pieces: its items are whole, what they carry is not.</summary>
    public void SpoilNextPayload(string how, Func<byte[], byte[]> change)
    {
        Act($"the next snapshot: {how}");
        _changesPayload = change;
    }

    public byte[] ChangePayload(byte[] payload)
    {
        Func<byte[], byte[]>? change = _changesPayload;
        _changesPayload = null;
        return change?.Invoke(payload) ?? payload;
    }

    /// <summary>The next saved snapshot that is sent is another one than was written.</summary>
    public void SpoilNextFile(string how, Func<byte[], byte[]> change)
    {
        Act($"the next file that is sent: {how}");
        _changesFile = change;
    }

    /// <summary>The saved snapshot changes where it lies, for whoever is sent it from now on.</summary>
    public void DamageFile(string how, Action<byte[]> change)
    {
        Act($"the saved snapshot: {how}");
        change(Primary.OnlyFile);
    }

    /// <summary>What makes and sends the snapshot fails at the primary.</summary>
    public void FailSnapshot()
    {
        Act("the snapshot fails");
        Primary.FailSnapshot();
        Pump();
    }

    /// <summary>Somebody tidies up where snapshots are saved.</summary>
    public void RemoveFile()
    {
        Act("the saved snapshot is removed from its folder");
        Primary.LoseFile();
    }

    public byte[] ChangeFile(byte[] file)
    {
        Func<byte[], byte[]>? change = _changesFile;
        _changesFile = null;
        return change?.Invoke(file) ?? file;
    }

    public void Run(long ms)
    {
        for (long end = Ms + ms; Ms < end;)
            Step();
    }

    public void Until(string what, Func<bool> condition)
    {
        for (long end = Ms + PatienceMs; !condition(); Step())
            Assert.True(Ms < end, $"After {PatienceMs} ms it is still not so that {what}:\n{_transcript}");
    }

    /// <summary>Until the replicas are in sync.</summary>
    public void UntilInSync(params string[] silos) =>
        Until($"{string.Join(", ", silos)} are in sync", () => silos.All(silo => _primary?.Core.ProposedRecord is null && _primary?.Core.Record.Names(Silo(silo).Copy.Name) == true));

    public void UntilLoading(string silo, long wireBytes = 1) =>
        Until($"{silo} has loaded {wireBytes} bytes", () => Silo(silo).Replica?.Load?.WireBytes >= wireBytes);

    /// <summary>Until nothing is under way: every replica holds and has applied everything.</summary>
    public void Settle() => Until("everything is quiet", () =>
        Primary.Core.ProposedRecord is null
        && Primary.Core.Committed == Primary.Core.LogEnd
        && Followers().All(silo => silo.Replica!.Phase == ReplicaPhase.Following && silo.Copy.Applied == Primary.Core.LogEnd));

    /// <summary>Everything is quiet, all copies are the same, and what was said is what the kept transcript says.</summary>
    public void Ends(string variant = "", [CallerMemberName] string test = "", [CallerFilePath] string testFile = "")
    {
        Settle();
        Show();
        foreach (StageSilo silo in Followers())
            Assert.Equal(Contents(Primary.Copy), Contents(silo.Copy));
        _transcript.Check(variant, test, testFile);
    }

    /// <summary>Nobody reigns: what was said until then is what the kept transcript says.</summary>
    public void EndsUnavailable(string variant = "", [CallerMemberName] string test = "", [CallerFilePath] string testFile = "")
    {
        Assert.Null(_primary);
        _transcript.Check(variant, test, testFile);
    }

    /// <summary>How things stand.</summary>
    public void Show()
    {
        Act("how things stand");
        ShardPrimary core = Primary.Core;
        Say(Primary.Silo, $"reigns in epoch {core.Epoch}: log ends at {Primary.Copy.Position}, committed {core.Committed}, in sync [{string.Join(", ", core.Record.InSync)}], {_waiting.Count} replies wait");
        SortedDictionary<string, string> expected = Contents(Primary.Copy);
        foreach (StageSilo silo in Followers())
        {
            bool same = silo.Copy.Applied == core.LogEnd && expected.SequenceEqual(Contents(silo.Copy));
            string state = silo.Copy.State == CopyState.Complete ? $"at {silo.Copy.Position}, applied {silo.Copy.Applied}, {silo.Copy.Store.Entries} entries" : "no whole copy";
            Say(silo.Name, $"is {silo.Replica!.Phase}: {state}{(same ? ", the same as the primary's" : "")}{(silo.Replica.IsFaulted ? "; faulted" : "")}");
        }
    }

    /// <summary>Text that compresses, another one for each number.</summary>
    public static string Filler(int bytes, int number)
    {
        StringBuilder text = new(bytes + 32);
        while (text.Length < bytes)
            text.Append(CultureInfo.InvariantCulture, $"value {number} of many; ");
        return text.ToString(0, bytes);
    }

    /// <summary>Text without repetitions: no match for LZ4 to find.</summary>
    public static string Noise(int bytes, Random random) => new(random.GetItems<char>("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", bytes));

    private IEnumerable<StageSilo> Followers() => _silos.Values.Where(silo => silo.Replica is not null && silo.Name != PrimaryName);

    private StageCall Execute(StageCall call, Op op, StagePrimary? at = null)
    {
        _waiting.Add(call, at ??= Primary);
        PooledBuffer request = Requests.Build([op], committed: false);
        at.Core.Execute(call, request, Now);
        request.Release();
        Pump();
        return call;
    }

    private void SilosChange()
    {
        Primary.Core.OnSilosChanged(_alive, Now);
        Pump();
    }

    private static SortedDictionary<string, string> Contents(ShardCopy copy)
    {
        ContentsSink sink = new();
        using ShardSnapshot scan = copy.Store.BeginSnapshot(copy.Store.LastVersion);
        while (scan.Next(sink, int.MaxValue, int.MaxValue))
        {
        }

        return sink.Contents;
    }

    private sealed class ContentsSink : ISnapshotSink
    {
        private string _keyspace = "";

        public SortedDictionary<string, string> Contents { get; } = new(StringComparer.Ordinal);

        public void OnKeyspace(int id, string name) => _keyspace = $"{id} {name}";

        public void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version) =>
            Contents.Add($"{_keyspace} {Encoding.UTF8.GetString(key)}", $"{version} {expiryUnixMs} {value.Length} {System.IO.Hashing.XxHash3.HashToUInt64(value)}");
    }
}
