using Grid.Server.Bench;

if (args is [StreamsBench.SiloVerb, ..])
    return await StreamsBench.RunSiloAsync(args[1..]);
if (args is ["bench", "streams", ..])
    await StreamsBench.RunAsync(new StreamsBenchOptions(), Console.Out, CancellationToken.None);
return 0;
