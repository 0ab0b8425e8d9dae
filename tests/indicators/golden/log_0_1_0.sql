PRAGMA application_id = 1953063787;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        ticker TEXT NOT NULL,
        ts_us INTEGER NOT NULL,
        recorded_us INTEGER NOT NULL,
        payload TEXT NOT NULL,
        crc INTEGER NOT NULL
    ) STRICT
    ;
INSERT INTO "events" VALUES(1,'service_started','',1340285391000000,1341086400000000,'{"version":"0.1.0","pid":7}',939250327);
INSERT INTO "events" VALUES(2,'feed_connected','',1340285392000000,1341086400000000,'{"tickers":["AAPL","QQQ"]}',623935046);
INSERT INTO "events" VALUES(3,'equity_tick','AAPL',1340285100000000,1341086400000000,'{"price":585.1,"size":0,"volume":0,"total_volume":0}',2368676312);
INSERT INTO "events" VALUES(4,'equity_tick','AAPL',1340285160000000,1341086400000000,'{"price":585.11,"size":10,"volume":10,"total_volume":10}',1235694402);
INSERT INTO "events" VALUES(5,'equity_tick','AAPL',1340285220000000,1341086400000000,'{"price":585.12,"size":20,"volume":20,"total_volume":20}',2384798052);
INSERT INTO "events" VALUES(6,'equity_tick','AAPL',1340285280000000,1341086400000000,'{"price":585.13,"size":30,"volume":30,"total_volume":30}',3878845859);
INSERT INTO "events" VALUES(7,'equity_tick','AAPL',1340285400275016,1341086400000000,'{"price":585.74,"size":40,"volume":40,"total_volume":40}',730073809);
INSERT INTO "events" VALUES(8,'equity_tick','AAPL',1340285400275017,1341086400000000,'{"price":585.75,"size":25,"volume":25,"total_volume":25}',55506412);
INSERT INTO "events" VALUES(9,'equity_tick','AAPL',1340285400275057,1341086400000000,'{"price":585.73,"size":1,"volume":1,"total_volume":1}',1141325849);
INSERT INTO "events" VALUES(10,'equity_tick','AAPL',1340285400275063,1341086400000000,'{"price":585.73,"size":10,"volume":10,"total_volume":10}',1713122011);
INSERT INTO "events" VALUES(11,'equity_tick','AAPL',1340285400275072,1341086400000000,'{"price":585.75,"size":25,"volume":25,"total_volume":25}',2729581038);
INSERT INTO "events" VALUES(12,'equity_tick','AAPL',1340285400275073,1341086400000000,'{"price":585.75,"size":5,"volume":5,"total_volume":5}',3042457215);
INSERT INTO "events" VALUES(13,'equity_quote','AAPL',1340285400275073,1341086400000000,'{"bid":585.74,"ask":585.76}',3155890089);
INSERT INTO "events" VALUES(14,'equity_tick','QQQ',1340285400275073,1341086400000000,'{"price":62.1284,"size":0,"volume":0,"total_volume":0}',1521520893);
INSERT INTO "events" VALUES(15,'equity_tick','AAPL',1340285400275074,1341086400000000,'{"price":585.75,"size":7,"volume":7,"total_volume":7}',3055940022);
INSERT INTO "events" VALUES(16,'equity_tick','AAPL',1340285400275075,1341086400000000,'{"price":585.75,"size":20,"volume":20,"total_volume":20}',2167357263);
INSERT INTO "events" VALUES(17,'equity_tick','AAPL',1340285400275076,1341086400000000,'{"price":585.78,"size":25,"volume":25,"total_volume":25}',4137714636);
INSERT INTO "events" VALUES(18,'equity_tick','AAPL',1340285400275077,1341086400000000,'{"price":585.78,"size":20,"volume":20,"total_volume":20}',2859353021);
INSERT INTO "events" VALUES(19,'equity_tick','AAPL',1340285400275078,1341086400000000,'{"price":585.79,"size":100,"volume":100,"total_volume":100}',2904402338);
INSERT INTO "events" VALUES(20,'equity_tick','AAPL',1340285400275079,1341086400000000,'{"price":585.8,"size":4,"volume":4,"total_volume":4}',948463555);
INSERT INTO "events" VALUES(21,'equity_tick','AAPL',1340285400275080,1341086400000000,'{"price":585.82,"size":5,"volume":5,"total_volume":5}',479035892);
INSERT INTO "events" VALUES(22,'equity_tick','AAPL',1340285400275081,1341086400000000,'{"price":585.83,"size":7,"volume":7,"total_volume":7}',537047853);
INSERT INTO "events" VALUES(23,'equity_tick','AAPL',1340285400275082,1341086400000000,'{"price":585.9,"size":3,"volume":3,"total_volume":3}',979254948);
INSERT INTO "events" VALUES(24,'equity_tick','AAPL',1340285400275083,1341086400000000,'{"price":585.9,"size":200,"volume":200,"total_volume":200}',1732987550);
INSERT INTO "events" VALUES(25,'equity_tick','AAPL',1340285400275084,1341086400000000,'{"price":585.91,"size":1,"volume":1,"total_volume":1}',4138869123);
INSERT INTO "events" VALUES(26,'equity_tick','AAPL',1340285400275085,1341086400000000,'{"price":585.92,"size":1,"volume":1,"total_volume":1}',1768728171);
INSERT INTO "events" VALUES(27,'equity_tick','AAPL',1340285400275086,1341086400000000,'{"price":585.92,"size":300,"volume":300,"total_volume":300}',395919284);
INSERT INTO "events" VALUES(28,'equity_tick','AAPL',1340285400275087,1341086400000000,'{"price":585.93,"size":37,"volume":37,"total_volume":37}',1730581626);
INSERT INTO "events" VALUES(29,'equity_tick','AAPL',1340285400358687,1341086400000000,'{"price":585.93,"size":4,"volume":4,"total_volume":4}',4148971199);
INSERT INTO "events" VALUES(30,'equity_tick','AAPL',1340285400417746,1341086400000000,'{"price":585.77,"size":18,"volume":18,"total_volume":18}',2150823432);
INSERT INTO "events" VALUES(31,'equity_tick','AAPL',1340285400417747,1341086400000000,'{"price":585.73,"size":9,"volume":9,"total_volume":9}',1640834978);
INSERT INTO "events" VALUES(32,'equity_tick','AAPL',1340285400417748,1341086400000000,'{"price":585.72,"size":23,"volume":23,"total_volume":23}',3247531125);
INSERT INTO "events" VALUES(33,'equity_tick','AAPL',1340285400418943,1341086400000000,'{"price":585.72,"size":77,"volume":77,"total_volume":77}',3272740235);
INSERT INTO "events" VALUES(34,'equity_tick','AAPL',1340285400418944,1341086400000000,'{"price":585.7,"size":23,"volume":23,"total_volume":23}',2159995291);
INSERT INTO "events" VALUES(35,'equity_tick','AAPL',1340285400763059,1341086400000000,'{"price":585.7,"size":1,"volume":1,"total_volume":1}',2002856407);
INSERT INTO "events" VALUES(36,'equity_tick','AAPL',1340285400887406,1341086400000000,'{"price":585.86,"size":47,"volume":47,"total_volume":47}',2765413732);
INSERT INTO "events" VALUES(37,'equity_tick','AAPL',1340285401009655,1341086400000000,'{"price":585.75,"size":200,"volume":200,"total_volume":200}',1000547847);
INSERT INTO "events" VALUES(38,'equity_tick','AAPL',1340285401009656,1341086400000000,'{"price":585.75,"size":300,"volume":300,"total_volume":300}',2426764253);
INSERT INTO "events" VALUES(39,'equity_tick','AAPL',1340285401011352,1341086400000000,'{"price":585.74,"size":100,"volume":100,"total_volume":100}',1865236940);
INSERT INTO "events" VALUES(40,'equity_tick','AAPL',1340285401014980,1341086400000000,'{"price":585.7,"size":26,"volume":26,"total_volume":26}',983618253);
INSERT INTO "events" VALUES(41,'equity_tick','AAPL',1340285401015080,1341086400000000,'{"price":585.69,"size":20,"volume":20,"total_volume":20}',176328318);
INSERT INTO "events" VALUES(42,'equity_tick','AAPL',1340285401172976,1341086400000000,'{"price":585.65,"size":5,"volume":5,"total_volume":5}',241139859);
INSERT INTO "events" VALUES(43,'equity_tick','AAPL',1340285401172977,1341086400000000,'{"price":585.64,"size":20,"volume":20,"total_volume":20}',301220678);
INSERT INTO "events" VALUES(44,'equity_tick','AAPL',1340285401172978,1341086400000000,'{"price":585.6,"size":3,"volume":3,"total_volume":3}',1409167683);
INSERT INTO "events" VALUES(45,'equity_tick','AAPL',1340285401172979,1341086400000000,'{"price":585.59,"size":15,"volume":15,"total_volume":15}',2722346507);
INSERT INTO "events" VALUES(46,'equity_tick','AAPL',1340285401172980,1341086400000000,'{"price":585.55,"size":1,"volume":1,"total_volume":1}',197982533);
INSERT INTO "events" VALUES(47,'equity_tick','AAPL',1340285401172981,1341086400000000,'{"price":585.5,"size":9,"volume":9,"total_volume":9}',3999211003);
INSERT INTO "events" VALUES(48,'equity_tick','AAPL',1340285401172982,1341086400000000,'{"price":585.5,"size":5,"volume":5,"total_volume":5}',4187668788);
INSERT INTO "events" VALUES(49,'equity_tick','AAPL',1340285401172983,1341086400000000,'{"price":585.5,"size":25,"volume":25,"total_volume":25}',2614598947);
INSERT INTO "events" VALUES(50,'equity_tick','AAPL',1340285401172984,1341086400000000,'{"price":585.5,"size":17,"volume":17,"total_volume":17}',2850777658);
INSERT INTO "events" VALUES(51,'equity_tick','AAPL',1340285401183611,1341086400000000,'{"price":585.5,"size":53,"volume":53,"total_volume":53}',3367558051);
INSERT INTO "events" VALUES(52,'equity_tick','AAPL',1340285401188030,1341086400000000,'{"price":585.5,"size":20,"volume":20,"total_volume":20}',3053730280);
INSERT INTO "events" VALUES(53,'equity_tick','AAPL',1340285402030342,1341086400000000,'{"price":585.47,"size":18,"volume":18,"total_volume":18}',575475830);
INSERT INTO "events" VALUES(54,'equity_tick','AAPL',1340285402030343,1341086400000000,'{"price":585.46,"size":5,"volume":5,"total_volume":5}',937825700);
INSERT INTO "events" VALUES(55,'equity_quote','AAPL',1340285402030343,1341086400000000,'{"bid":585.45,"ask":585.47}',2569125078);
INSERT INTO "events" VALUES(56,'equity_tick','QQQ',1340285402030343,1341086400000000,'{"price":62.1684,"size":0,"volume":0,"total_volume":0}',1422430356);
INSERT INTO "events" VALUES(57,'equity_tick','AAPL',1340285402030344,1341086400000000,'{"price":585.45,"size":77,"volume":77,"total_volume":77}',3961554171);
INSERT INTO "events" VALUES(58,'equity_tick','AAPL',1340285402179737,1341086400000000,'{"price":585.46,"size":200,"volume":200,"total_volume":200}',2722744282);
INSERT INTO "events" VALUES(59,'equity_tick','AAPL',1340285402255253,1341086400000000,'{"price":585.45,"size":4,"volume":4,"total_volume":4}',963408522);
INSERT INTO "events" VALUES(60,'equity_tick','AAPL',1340285402255254,1341086400000000,'{"price":585.45,"size":26,"volume":26,"total_volume":26}',1918549169);
INSERT INTO "events" VALUES(61,'equity_tick','AAPL',1340285403011926,1341086400000000,'{"price":585.68,"size":18,"volume":18,"total_volume":18}',206862900);
INSERT INTO "events" VALUES(62,'equity_tick','AAPL',1340285403011927,1341086400000000,'{"price":585.69,"size":16,"volume":16,"total_volume":16}',170803443);
INSERT INTO "events" VALUES(63,'equity_tick','AAPL',1340285403012050,1341086400000000,'{"price":585.7,"size":66,"volume":66,"total_volume":66}',1755815529);
INSERT INTO "events" VALUES(64,'equity_tick','AAPL',1340285403295569,1341086400000000,'{"price":585.65,"size":12,"volume":12,"total_volume":12}',1618744105);
INSERT INTO "events" VALUES(65,'equity_tick','AAPL',1340285403295570,1341086400000000,'{"price":585.68,"size":18,"volume":18,"total_volume":18}',1657512214);
INSERT INTO "events" VALUES(66,'equity_tick','AAPL',1340285403324279,1341086400000000,'{"price":585.7,"size":26,"volume":26,"total_volume":26}',1337664330);
INSERT INTO "events" VALUES(67,'equity_tick','AAPL',1340285403324280,1341086400000000,'{"price":585.7,"size":44,"volume":44,"total_volume":44}',2359667712);
INSERT INTO "events" VALUES(68,'equity_tick','AAPL',1340285405175095,1341086400000000,'{"price":585.68,"size":50,"volume":50,"total_volume":50}',1524889407);
INSERT INTO "events" VALUES(69,'equity_tick','AAPL',1340285405734539,1341086400000000,'{"price":585.65,"size":18,"volume":18,"total_volume":18}',1336128906);
INSERT INTO "events" VALUES(70,'equity_tick','AAPL',1340285405734540,1341086400000000,'{"price":585.65,"size":63,"volume":63,"total_volume":63}',2162276231);
INSERT INTO "events" VALUES(71,'equity_tick','AAPL',1340285405765156,1341086400000000,'{"price":585.65,"size":37,"volume":37,"total_volume":37}',1660460840);
INSERT INTO "events" VALUES(72,'equity_tick','AAPL',1340285405765157,1341086400000000,'{"price":585.68,"size":263,"volume":263,"total_volume":263}',122460620);
INSERT INTO "events" VALUES(73,'equity_tick','AAPL',1340285405766878,1341086400000000,'{"price":585.68,"size":132,"volume":132,"total_volume":132}',964589982);
INSERT INTO "events" VALUES(74,'equity_tick','AAPL',1340285405768387,1341086400000000,'{"price":585.68,"size":59,"volume":59,"total_volume":59}',763249727);
INSERT INTO "events" VALUES(75,'equity_tick','AAPL',1340285406965352,1341086400000000,'{"price":585.58,"size":100,"volume":100,"total_volume":100}',1205657064);
INSERT INTO "events" VALUES(76,'equity_tick','AAPL',1340285409489945,1341086400000000,'{"price":585.68,"size":225,"volume":225,"total_volume":225}',3515400703);
INSERT INTO "events" VALUES(77,'equity_tick','AAPL',1340285409542524,1341086400000000,'{"price":585.68,"size":28,"volume":28,"total_volume":28}',1153737261);
INSERT INTO "events" VALUES(78,'equity_tick','AAPL',1340285409780716,1341086400000000,'{"price":585.5,"size":18,"volume":18,"total_volume":18}',3375316271);
INSERT INTO "events" VALUES(79,'equity_tick','AAPL',1340285409780717,1341086400000000,'{"price":585.49,"size":100,"volume":100,"total_volume":100}',3564573237);
INSERT INTO "events" VALUES(80,'equity_tick','AAPL',1340285409780718,1341086400000000,'{"price":585.49,"size":42,"volume":42,"total_volume":42}',2449288073);
INSERT INTO "events" VALUES(81,'equity_tick','AAPL',1340285409780719,1341086400000000,'{"price":585.49,"size":40,"volume":40,"total_volume":40}',3823958291);
INSERT INTO "events" VALUES(82,'equity_tick','AAPL',1340285409784078,1341086400000000,'{"price":585.5,"size":44,"volume":44,"total_volume":44}',2714621765);
INSERT INTO "events" VALUES(83,'equity_tick','AAPL',1340285409784079,1341086400000000,'{"price":585.49,"size":27,"volume":27,"total_volume":27}',1754019886);
INSERT INTO "events" VALUES(84,'equity_tick','AAPL',1340285409786185,1341086400000000,'{"price":585.48,"size":39,"volume":39,"total_volume":39}',463811126);
INSERT INTO "events" VALUES(85,'equity_tick','AAPL',1340285409786186,1341086400000000,'{"price":585.48,"size":27,"volume":27,"total_volume":27}',2871288838);
INSERT INTO "events" VALUES(86,'equity_tick','AAPL',1340285409786187,1341086400000000,'{"price":585.47,"size":34,"volume":34,"total_volume":34}',484660990);
INSERT INTO "events" VALUES(87,'equity_tick','AAPL',1340285409828774,1341086400000000,'{"price":585.49,"size":66,"volume":66,"total_volume":66}',1233190499);
INSERT INTO "events" VALUES(88,'equity_tick','AAPL',1340285409828775,1341086400000000,'{"price":585.44,"size":34,"volume":34,"total_volume":34}',3044770812);
INSERT INTO "events" VALUES(89,'equity_tick','AAPL',1340285411004344,1341086400000000,'{"price":585.44,"size":16,"volume":16,"total_volume":16}',1695540331);
INSERT INTO "events" VALUES(90,'equity_tick','AAPL',1340285411333283,1341086400000000,'{"price":585.4,"size":50,"volume":50,"total_volume":50}',2421920109);
INSERT INTO "events" VALUES(91,'equity_tick','AAPL',1340285411334948,1341086400000000,'{"price":585.38,"size":20,"volume":20,"total_volume":20}',3574914318);
INSERT INTO "events" VALUES(92,'equity_tick','AAPL',1340285411334949,1341086400000000,'{"price":585.38,"size":2,"volume":2,"total_volume":2}',1332728064);
INSERT INTO "events" VALUES(93,'equity_tick','AAPL',1340285412080208,1341086400000000,'{"price":585.39,"size":143,"volume":143,"total_volume":143}',3470656966);
INSERT INTO "events" VALUES(94,'equity_tick','AAPL',1340285412095970,1341086400000000,'{"price":585.39,"size":1,"volume":1,"total_volume":1}',1462985009);
INSERT INTO "events" VALUES(95,'equity_tick','AAPL',1340285412607269,1341086400000000,'{"price":585.36,"size":5,"volume":5,"total_volume":5}',3459836186);
INSERT INTO "events" VALUES(96,'equity_tick','AAPL',1340285414181766,1341086400000000,'{"price":585.42,"size":100,"volume":100,"total_volume":100}',2697845764);
INSERT INTO "events" VALUES(97,'equity_quote','AAPL',1340285414181766,1341086400000000,'{"bid":585.41,"ask":585.43}',1483772381);
INSERT INTO "events" VALUES(98,'equity_tick','QQQ',1340285414181766,1341086400000000,'{"price":62.2084,"size":77,"volume":77,"total_volume":77}',3455615455);
INSERT INTO "events" VALUES(99,'equity_tick','AAPL',1340285415204460,1341086400000000,'{"price":585.41,"size":31,"volume":31,"total_volume":31}',3485276870);
INSERT INTO "events" VALUES(100,'equity_tick','AAPL',1340285415204461,1341086400000000,'{"price":585.41,"size":200,"volume":200,"total_volume":200}',2725530528);
INSERT INTO "events" VALUES(101,'equity_tick','AAPL',1340285415204462,1341086400000000,'{"price":585.42,"size":69,"volume":69,"total_volume":69}',3908476605);
INSERT INTO "events" VALUES(102,'equity_tick','AAPL',1340285415222056,1341086400000000,'{"price":585.42,"size":251,"volume":251,"total_volume":251}',1800867494);
INSERT INTO "events" VALUES(103,'equity_tick','AAPL',1340285417205625,1341086400000000,'{"price":585.55,"size":12,"volume":12,"total_volume":12}',1950911257);
INSERT INTO "events" VALUES(104,'equity_tick','AAPL',1340285417205626,1341086400000000,'{"price":585.57,"size":88,"volume":88,"total_volume":88}',3895045890);
INSERT INTO "events" VALUES(105,'equity_tick','AAPL',1340285417205639,1341086400000000,'{"price":585.57,"size":12,"volume":12,"total_volume":12}',3334325010);
INSERT INTO "events" VALUES(106,'equity_tick','AAPL',1340285417205932,1341086400000000,'{"price":585.58,"size":100,"volume":100,"total_volume":100}',2722530398);
INSERT INTO "events" VALUES(107,'equity_tick','AAPL',1340285417206719,1341086400000000,'{"price":585.58,"size":59,"volume":59,"total_volume":59}',4014481709);
INSERT INTO "events" VALUES(108,'equity_tick','AAPL',1340285417206720,1341086400000000,'{"price":585.61,"size":100,"volume":100,"total_volume":100}',1099570727);
INSERT INTO "events" VALUES(109,'equity_tick','AAPL',1340285417224371,1341086400000000,'{"price":585.62,"size":100,"volume":100,"total_volume":100}',3825513205);
INSERT INTO "events" VALUES(110,'equity_tick','AAPL',1340285418299262,1341086400000000,'{"price":585.52,"size":100,"volume":100,"total_volume":100}',428836042);
INSERT INTO "events" VALUES(111,'equity_tick','AAPL',1340285418299263,1341086400000000,'{"price":585.57,"size":11,"volume":11,"total_volume":11}',3663776812);
INSERT INTO "events" VALUES(112,'equity_tick','AAPL',1340285419517076,1341086400000000,'{"price":585.47,"size":45,"volume":45,"total_volume":45}',1693685911);
INSERT INTO "events" VALUES(113,'equity_tick','AAPL',1340285419517077,1341086400000000,'{"price":585.45,"size":11,"volume":11,"total_volume":11}',1913060877);
INSERT INTO "events" VALUES(114,'equity_tick','AAPL',1340285419517078,1341086400000000,'{"price":585.44,"size":100,"volume":100,"total_volume":100}',2774119389);
INSERT INTO "events" VALUES(115,'equity_tick','AAPL',1340285419517200,1341086400000000,'{"price":585.44,"size":44,"volume":44,"total_volume":44}',2543698297);
INSERT INTO "events" VALUES(116,'equity_tick','AAPL',1340285419517746,1341086400000000,'{"price":585.45,"size":100,"volume":100,"total_volume":100}',1773385777);
INSERT INTO "events" VALUES(117,'equity_tick','AAPL',1340285422480233,1341086400000000,'{"price":585.41,"size":100,"volume":100,"total_volume":100}',4159367996);
INSERT INTO "events" VALUES(118,'equity_tick','AAPL',1340285423052028,1341086400000000,'{"price":585.51,"size":100,"volume":100,"total_volume":100}',2493651484);
INSERT INTO "events" VALUES(119,'equity_tick','AAPL',1340285423272801,1341086400000000,'{"price":585.44,"size":100,"volume":100,"total_volume":100}',2355277715);
INSERT INTO "events" VALUES(120,'equity_tick','AAPL',1340285427732213,1341086400000000,'{"price":585.68,"size":2,"volume":2,"total_volume":2}',2734702144);
INSERT INTO "events" VALUES(121,'equity_tick','AAPL',1340285428069592,1341086400000000,'{"price":585.64,"size":100,"volume":100,"total_volume":100}',2560130551);
INSERT INTO "events" VALUES(122,'equity_tick','AAPL',1340285428076361,1341086400000000,'{"price":585.64,"size":100,"volume":100,"total_volume":100}',286268321);
INSERT INTO "events" VALUES(123,'equity_tick','AAPL',1340285434355328,1341086400000000,'{"price":585.72,"size":18,"volume":18,"total_volume":18}',1814975390);
INSERT INTO "events" VALUES(124,'equity_tick','AAPL',1340285434355329,1341086400000000,'{"price":585.74,"size":12,"volume":12,"total_volume":12}',2425335666);
INSERT INTO "events" VALUES(125,'equity_tick','AAPL',1340285434355330,1341086400000000,'{"price":585.74,"size":13,"volume":13,"total_volume":13}',677562935);
INSERT INTO "events" VALUES(126,'equity_tick','AAPL',1340285434385614,1341086400000000,'{"price":585.74,"size":5,"volume":5,"total_volume":5}',315850741);
INSERT INTO "events" VALUES(127,'equity_tick','AAPL',1340285434385615,1341086400000000,'{"price":585.76,"size":86,"volume":86,"total_volume":86}',1143491916);
INSERT INTO "events" VALUES(128,'equity_tick','AAPL',1340285439262268,1341086400000000,'{"price":585.54,"size":18,"volume":18,"total_volume":18}',1994927676);
INSERT INTO "events" VALUES(129,'equity_tick','AAPL',1340285440594933,1341086400000000,'{"price":585.54,"size":5,"volume":5,"total_volume":5}',3209653756);
INSERT INTO "events" VALUES(130,'equity_tick','AAPL',1340285442084995,1341086400000000,'{"price":585.56,"size":25,"volume":25,"total_volume":25}',606390405);
INSERT INTO "events" VALUES(131,'equity_tick','AAPL',1340285442085607,1341086400000000,'{"price":585.56,"size":25,"volume":25,"total_volume":25}',2943804405);
INSERT INTO "events" VALUES(132,'equity_tick','AAPL',1340285442085608,1341086400000000,'{"price":585.54,"size":175,"volume":175,"total_volume":175}',3176415558);
INSERT INTO "events" VALUES(133,'equity_tick','AAPL',1340285442087302,1341086400000000,'{"price":585.54,"size":20,"volume":20,"total_volume":20}',4186576195);
INSERT INTO "events" VALUES(134,'equity_tick','AAPL',1340285442087303,1341086400000000,'{"price":585.51,"size":80,"volume":80,"total_volume":80}',4127481503);
INSERT INTO "events" VALUES(135,'equity_tick','AAPL',1340285442095405,1341086400000000,'{"price":585.51,"size":120,"volume":120,"total_volume":120}',486034293);
INSERT INTO "events" VALUES(136,'equity_tick','AAPL',1340285442095412,1341086400000000,'{"price":585.5,"size":70,"volume":70,"total_volume":70}',4181859739);
INSERT INTO "events" VALUES(137,'equity_tick','AAPL',1340285442095512,1341086400000000,'{"price":585.47,"size":100,"volume":100,"total_volume":100}',3797299723);
INSERT INTO "events" VALUES(138,'equity_tick','AAPL',1340285442096036,1341086400000000,'{"price":585.47,"size":100,"volume":100,"total_volume":100}',2715642894);
INSERT INTO "events" VALUES(139,'equity_quote','AAPL',1340285442096036,1341086400000000,'{"bid":585.46,"ask":585.48}',706853288);
INSERT INTO "events" VALUES(140,'equity_tick','QQQ',1340285442096036,1341086400000000,'{"price":62.2484,"size":77,"volume":77,"total_volume":77}',700222780);
INSERT INTO "events" VALUES(141,'equity_tick','AAPL',1340285442096059,1341086400000000,'{"price":585.44,"size":35,"volume":35,"total_volume":35}',4170891559);
INSERT INTO "events" VALUES(142,'equity_tick','AAPL',1340285442125978,1341086400000000,'{"price":585.37,"size":100,"volume":100,"total_volume":100}',3187314098);
INSERT INTO "events" VALUES(143,'equity_tick','AAPL',1340285442391038,1341086400000000,'{"price":585.48,"size":10,"volume":10,"total_volume":10}',2122078023);
INSERT INTO "events" VALUES(144,'equity_tick','AAPL',1340285442537922,1341086400000000,'{"price":585.37,"size":18,"volume":18,"total_volume":18}',604380688);
INSERT INTO "events" VALUES(145,'equity_tick','AAPL',1340285442539574,1341086400000000,'{"price":585.36,"size":125,"volume":125,"total_volume":125}',634928123);
INSERT INTO "events" VALUES(146,'equity_tick','AAPL',1340285442539963,1341086400000000,'{"price":585.35,"size":100,"volume":100,"total_volume":100}',1919944844);
INSERT INTO "events" VALUES(147,'equity_tick','AAPL',1340285442935112,1341086400000000,'{"price":585.3,"size":49,"volume":49,"total_volume":49}',3454127345);
INSERT INTO "events" VALUES(148,'equity_tick','AAPL',1340285443161619,1341086400000000,'{"price":585.31,"size":49,"volume":49,"total_volume":49}',2211434479);
INSERT INTO "events" VALUES(149,'equity_tick','AAPL',1340285443452960,1341086400000000,'{"price":585.3,"size":50,"volume":50,"total_volume":50}',2542002385);
INSERT INTO "events" VALUES(150,'equity_tick','AAPL',1340285443467275,1341086400000000,'{"price":585.3,"size":100,"volume":100,"total_volume":100}',2581331761);
INSERT INTO "events" VALUES(151,'equity_tick','AAPL',1340285445688820,1341086400000000,'{"price":585.4,"size":100,"volume":100,"total_volume":100}',2038297459);
INSERT INTO "events" VALUES(152,'equity_tick','AAPL',1340285446688260,1341086400000000,'{"price":585.34,"size":100,"volume":100,"total_volume":100}',179009798);
INSERT INTO "events" VALUES(153,'equity_tick','AAPL',1340285446689354,1341086400000000,'{"price":585.32,"size":100,"volume":100,"total_volume":100}',3917638111);
INSERT INTO "events" VALUES(154,'equity_tick','AAPL',1340285446779185,1341086400000000,'{"price":585.3,"size":31,"volume":31,"total_volume":31}',1613440080);
INSERT INTO "events" VALUES(155,'equity_tick','AAPL',1340285447507469,1341086400000000,'{"price":585.49,"size":100,"volume":100,"total_volume":100}',3182298898);
INSERT INTO "events" VALUES(156,'equity_tick','AAPL',1340285447507470,1341086400000000,'{"price":585.49,"size":100,"volume":100,"total_volume":100}',1900242702);
INSERT INTO "events" VALUES(157,'equity_tick','AAPL',1340285447507471,1341086400000000,'{"price":585.49,"size":100,"volume":100,"total_volume":100}',2338485357);
INSERT INTO "events" VALUES(158,'equity_tick','AAPL',1340285447507472,1341086400000000,'{"price":585.49,"size":100,"volume":100,"total_volume":100}',1406024970);
INSERT INTO "events" VALUES(159,'equity_tick','AAPL',1340285447507473,1341086400000000,'{"price":585.49,"size":30,"volume":30,"total_volume":30}',2250313641);
INSERT INTO "events" VALUES(160,'equity_tick','AAPL',1340285447507474,1341086400000000,'{"price":585.5,"size":18,"volume":18,"total_volume":18}',1811063450);
INSERT INTO "events" VALUES(161,'equity_tick','AAPL',1340285447507475,1341086400000000,'{"price":585.5,"size":15,"volume":15,"total_volume":15}',2592692247);
INSERT INTO "events" VALUES(162,'equity_tick','AAPL',1340285447507476,1341086400000000,'{"price":585.51,"size":100,"volume":100,"total_volume":100}',4118725088);
INSERT INTO "events" VALUES(163,'equity_tick','AAPL',1340285447507477,1341086400000000,'{"price":585.51,"size":18,"volume":18,"total_volume":18}',2602515618);
INSERT INTO "events" VALUES(164,'equity_tick','AAPL',1340285447510643,1341086400000000,'{"price":585.51,"size":100,"volume":100,"total_volume":100}',254963255);
INSERT INTO "events" VALUES(165,'equity_tick','AAPL',1340285447544222,1341086400000000,'{"price":585.5,"size":300,"volume":300,"total_volume":300}',399083733);
INSERT INTO "events" VALUES(166,'equity_tick','AAPL',1340285447544223,1341086400000000,'{"price":585.5,"size":100,"volume":100,"total_volume":100}',3327850505);
INSERT INTO "events" VALUES(167,'equity_tick','AAPL',1340285447544224,1341086400000000,'{"price":585.51,"size":100,"volume":100,"total_volume":100}',2164775780);
INSERT INTO "events" VALUES(168,'equity_tick','AAPL',1340285447544225,1341086400000000,'{"price":585.51,"size":149,"volume":149,"total_volume":149}',1054937835);
INSERT INTO "events" VALUES(169,'equity_tick','AAPL',1340285447573089,1341086400000000,'{"price":585.51,"size":100,"volume":100,"total_volume":100}',3921727937);
INSERT INTO "events" VALUES(170,'equity_tick','AAPL',1340285447573090,1341086400000000,'{"price":585.52,"size":300,"volume":300,"total_volume":300}',3038128313);
INSERT INTO "events" VALUES(171,'equity_tick','AAPL',1340285447573091,1341086400000000,'{"price":585.52,"size":800,"volume":800,"total_volume":800}',4197059600);
INSERT INTO "events" VALUES(172,'equity_tick','AAPL',1340285447736240,1341086400000000,'{"price":585.64,"size":100,"volume":100,"total_volume":100}',2956542541);
INSERT INTO "events" VALUES(173,'equity_tick','AAPL',1340285447902146,1341086400000000,'{"price":585.62,"size":18,"volume":18,"total_volume":18}',2817130192);
INSERT INTO "events" VALUES(174,'feed_gap','',1340285700000000,1341086400000000,'{"from_us":1340285460000000,"to_us":1340285700000000,"reason":"closed 1006"}',1906939211);
INSERT INTO "events" VALUES(175,'bar_backfill','AAPL',1340285520000000,1341086400000000,'{"open":585.0,"high":586.0,"low":584.5,"close":585.25,"volume":12345}',175411682);
INSERT INTO "events" VALUES(176,'equity_tick','AAPL',1340285700000000,1341086400000000,'{"price":586.0,"size":100,"volume":100,"total_volume":100}',417580108);
INSERT INTO "events" VALUES(177,'equity_tick','AAPL',1340285720000000,1341086400000000,'{"price":586.0625,"size":101,"volume":101,"total_volume":101}',3789098509);
INSERT INTO "events" VALUES(178,'equity_tick','AAPL',1340285740000000,1341086400000000,'{"price":586.125,"size":102,"volume":102,"total_volume":102}',1992778328);
INSERT INTO "events" VALUES(179,'equity_tick','AAPL',1340285760000000,1341086400000000,'{"price":586.1875,"size":103,"volume":103,"total_volume":103}',4005022789);
INSERT INTO "events" VALUES(180,'equity_tick','AAPL',1340285780000000,1341086400000000,'{"price":586.25,"size":104,"volume":104,"total_volume":104}',738685136);
INSERT INTO "events" VALUES(181,'equity_tick','AAPL',1340285800000000,1341086400000000,'{"price":586.3125,"size":105,"volume":105,"total_volume":105}',2926263779);
INSERT INTO "events" VALUES(182,'equity_tick','AAPL',1340285820000000,1341086400000000,'{"price":586.375,"size":106,"volume":106,"total_volume":106}',1424965359);
INSERT INTO "events" VALUES(183,'equity_tick','AAPL',1340285840000000,1341086400000000,'{"price":586.4375,"size":107,"volume":107,"total_volume":107}',158053456);
INSERT INTO "events" VALUES(184,'equity_tick','AAPL',1340285860000000,1341086400000000,'{"price":586.5,"size":108,"volume":108,"total_volume":108}',3787182570);
INSERT INTO "events" VALUES(185,'equity_tick','AAPL',1340285880000000,1341086400000000,'{"price":586.5625,"size":109,"volume":109,"total_volume":109}',603748660);
INSERT INTO "events" VALUES(186,'equity_tick','AAPL',1340285900000000,1341086400000000,'{"price":586.625,"size":110,"volume":110,"total_volume":110}',1114911501);
INSERT INTO "events" VALUES(187,'equity_tick','AAPL',1340285920000000,1341086400000000,'{"price":586.6875,"size":111,"volume":111,"total_volume":111}',83412948);
INSERT INTO "events" VALUES(188,'equity_tick','AAPL',1340285940000000,1341086400000000,'{"price":586.75,"size":112,"volume":112,"total_volume":112}',436954299);
INSERT INTO "events" VALUES(189,'equity_tick','AAPL',1340285960000000,1341086400000000,'{"price":586.8125,"size":113,"volume":113,"total_volume":113}',3430278854);
INSERT INTO "events" VALUES(190,'equity_tick','AAPL',1340285980000000,1341086400000000,'{"price":586.875,"size":114,"volume":114,"total_volume":114}',3116538186);
INSERT INTO "events" VALUES(191,'equity_tick','AAPL',1340286000000000,1341086400000000,'{"price":586.9375,"size":115,"volume":115,"total_volume":115}',2772986342);
INSERT INTO "events" VALUES(192,'equity_tick','AAPL',1340286020000000,1341086400000000,'{"price":587.0,"size":116,"volume":116,"total_volume":116}',346114870);
INSERT INTO "events" VALUES(193,'equity_tick','AAPL',1340286040000000,1341086400000000,'{"price":587.0625,"size":117,"volume":117,"total_volume":117}',1414073998);
INSERT INTO "events" VALUES(194,'equity_tick','AAPL',1340286060000000,1341086400000000,'{"price":587.125,"size":118,"volume":118,"total_volume":118}',223192438);
INSERT INTO "events" VALUES(195,'equity_tick','AAPL',1340286080000000,1341086400000000,'{"price":587.1875,"size":119,"volume":119,"total_volume":119}',345761397);
INSERT INTO "events" VALUES(196,'equity_tick','AAPL',1340286100000000,1341086400000000,'{"price":587.25,"size":120,"volume":120,"total_volume":120}',2639423360);
INSERT INTO "events" VALUES(197,'equity_tick','AAPL',1340286120000000,1341086400000000,'{"price":587.3125,"size":121,"volume":121,"total_volume":121}',4060959042);
INSERT INTO "events" VALUES(198,'equity_tick','AAPL',1340286140000000,1341086400000000,'{"price":587.375,"size":122,"volume":122,"total_volume":122}',3541480175);
INSERT INTO "events" VALUES(199,'equity_tick','AAPL',1340286160000000,1341086400000000,'{"price":587.4375,"size":123,"volume":123,"total_volume":123}',902541445);
INSERT INTO "events" VALUES(200,'equity_tick','AAPL',1340286180000000,1341086400000000,'{"price":587.5,"size":124,"volume":124,"total_volume":124}',3387841562);
INSERT INTO "events" VALUES(201,'equity_tick','AAPL',1340286200000000,1341086400000000,'{"price":587.5625,"size":125,"volume":125,"total_volume":125}',1663769116);
INSERT INTO "events" VALUES(202,'equity_tick','AAPL',1340286220000000,1341086400000000,'{"price":587.625,"size":126,"volume":126,"total_volume":126}',662112200);
INSERT INTO "events" VALUES(203,'equity_tick','AAPL',1340286240000000,1341086400000000,'{"price":587.6875,"size":127,"volume":127,"total_volume":127}',4181397008);
INSERT INTO "events" VALUES(204,'equity_tick','AAPL',1340286260000000,1341086400000000,'{"price":587.75,"size":128,"volume":128,"total_volume":128}',144901767);
INSERT INTO "events" VALUES(205,'equity_tick','AAPL',1340286280000000,1341086400000000,'{"price":587.8125,"size":129,"volume":129,"total_volume":129}',2368006902);
INSERT INTO "events" VALUES(206,'equity_tick','AAPL',1340308799999999,1341086400000000,'{"price":577.67,"size":900,"volume":900,"total_volume":900}',210959793);
INSERT INTO "events" VALUES(207,'equity_tick','AAPL',1340308860000000,1341086400000000,'{"price":577.5,"size":300,"volume":300,"total_volume":300}',3785711942);
INSERT INTO "events" VALUES(208,'equity_tick','AAPL',1340371680000000,1341086400000000,'{"price":579.0,"size":5,"volume":5,"total_volume":5}',799302329);
INSERT INTO "events" VALUES(209,'equity_tick','AAPL',1340371800000000,1341086400000000,'{"price":579.04,"size":0,"volume":0,"total_volume":0}',259010577);
INSERT INTO "events" VALUES(210,'equity_tick','AAPL',1340371830000000,1341086400000000,'{"price":579.05,"size":50,"volume":50,"total_volume":50}',1787668801);
INSERT INTO "events" VALUES(211,'equity_tick','AAPL',1340371860000000,1341086400000000,'{"price":579.06,"size":100,"volume":100,"total_volume":100}',1363224462);
INSERT INTO "events" VALUES(212,'equity_tick','AAPL',1340371890000000,1341086400000000,'{"price":579.0699999999999,"size":0,"volume":0,"total_volume":0}',527014565);
INSERT INTO "events" VALUES(213,'equity_tick','AAPL',1340371920000000,1341086400000000,'{"price":579.0799999999999,"size":50,"volume":50,"total_volume":50}',729440967);
INSERT INTO "events" VALUES(214,'equity_tick','AAPL',1340371950000000,1341086400000000,'{"price":579.0899999999999,"size":100,"volume":100,"total_volume":100}',2176923281);
INSERT INTO "events" VALUES(215,'equity_tick','AAPL',1340371980000000,1341086400000000,'{"price":579.0999999999999,"size":0,"volume":0,"total_volume":0}',4054513592);
INSERT INTO "events" VALUES(216,'equity_tick','AAPL',1340372010000000,1341086400000000,'{"price":579.11,"size":50,"volume":50,"total_volume":50}',3196807594);
INSERT INTO "events" VALUES(217,'equity_tick','AAPL',1340372040000000,1341086400000000,'{"price":579.12,"size":100,"volume":100,"total_volume":100}',1013674623);
INSERT INTO "events" VALUES(218,'equity_tick','AAPL',1340372070000000,1341086400000000,'{"price":579.13,"size":0,"volume":0,"total_volume":0}',373546633);
INSERT INTO "events" VALUES(219,'equity_tick','AAPL',1340372100000000,1341086400000000,'{"price":579.14,"size":50,"volume":50,"total_volume":50}',3146029596);
INSERT INTO "events" VALUES(220,'equity_tick','AAPL',1340372130000000,1341086400000000,'{"price":579.15,"size":100,"volume":100,"total_volume":100}',647400462);
INSERT INTO "events" VALUES(221,'equity_tick','AAPL',1340372160000000,1341086400000000,'{"price":579.16,"size":0,"volume":0,"total_volume":0}',2868048793);
INSERT INTO "events" VALUES(222,'equity_tick','AAPL',1340372190000000,1341086400000000,'{"price":579.17,"size":50,"volume":50,"total_volume":50}',3497791838);
INSERT INTO "events" VALUES(223,'equity_tick','AAPL',1340372220000000,1341086400000000,'{"price":579.18,"size":100,"volume":100,"total_volume":100}',2682327959);
INSERT INTO "events" VALUES(224,'equity_tick','AAPL',1340372250000000,1341086400000000,'{"price":579.1899999999999,"size":0,"volume":0,"total_volume":0}',3512901657);
INSERT INTO "events" VALUES(225,'equity_tick','AAPL',1340372280000000,1341086400000000,'{"price":579.1999999999999,"size":50,"volume":50,"total_volume":50}',3547254177);
INSERT INTO "events" VALUES(226,'equity_tick','AAPL',1340372310000000,1341086400000000,'{"price":579.2099999999999,"size":100,"volume":100,"total_volume":100}',662118250);
INSERT INTO "events" VALUES(227,'equity_tick','AAPL',1340372340000000,1341086400000000,'{"price":579.2199999999999,"size":0,"volume":0,"total_volume":0}',3226574052);
INSERT INTO "events" VALUES(228,'equity_tick','AAPL',1340372370000000,1341086400000000,'{"price":579.23,"size":50,"volume":50,"total_volume":50}',1337046842);
INSERT INTO "events" VALUES(229,'equity_tick','AAPL',1340372400000000,1341086400000000,'{"price":579.24,"size":100,"volume":100,"total_volume":100}',1322321679);
INSERT INTO "events" VALUES(230,'equity_tick','AAPL',1340372430000000,1341086400000000,'{"price":579.25,"size":0,"volume":0,"total_volume":0}',178602789);
INSERT INTO "events" VALUES(231,'equity_tick','AAPL',1340372460000000,1341086400000000,'{"price":579.26,"size":50,"volume":50,"total_volume":50}',3335955464);
INSERT INTO "events" VALUES(232,'equity_tick','AAPL',1340372490000000,1341086400000000,'{"price":579.27,"size":100,"volume":100,"total_volume":100}',2128960593);
INSERT INTO "events" VALUES(233,'equity_tick','AAPL',1340372520000000,1341086400000000,'{"price":579.28,"size":0,"volume":0,"total_volume":0}',2440490421);
INSERT INTO "events" VALUES(234,'service_stopped','',1340458200000000,1341086400000000,'{"reason":"signal"}',1532077547);
CREATE TABLE losses (
        after_seq INTEGER PRIMARY KEY, through_seq INTEGER NOT NULL, noticed_us INTEGER NOT NULL,
        CHECK (through_seq > after_seq)
    ) STRICT
    ;
CREATE TABLE pruned (id INTEGER PRIMARY KEY CHECK (id = 1), through_seq INTEGER NOT NULL) STRICT;
INSERT INTO "pruned" VALUES(1,0);
CREATE UNIQUE INDEX events_tick_key ON events (ticker, ts_us) WHERE kind = 'equity_tick';
CREATE INDEX events_other ON events (ticker, kind, ts_us) WHERE kind <> 'equity_tick';
CREATE TRIGGER events_never_change BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER pruned_only_rises BEFORE UPDATE ON pruned WHEN NEW.through_seq < OLD.through_seq OR NEW.id <> OLD.id
    BEGIN SELECT RAISE(ABORT, 'the retention mark only rises'); END;
CREATE TRIGGER pruned_stays BEFORE DELETE ON pruned
    BEGIN SELECT RAISE(ABORT, 'the retention mark stays'); END;
CREATE TRIGGER events_only_pruned BEFORE DELETE ON events WHEN OLD.seq > (SELECT through_seq FROM pruned)
    BEGIN SELECT RAISE(ABORT, 'events are only deleted by ticktape log prune'); END;
CREATE VIEW ticks AS
SELECT seq, ticker, strftime('%Y-%m-%dT%H:%M:%S', ts_us / 1000000, 'unixepoch') || printf('.%06dZ', ts_us % 1000000) AS time,
    payload ->> 'price' AS price, payload ->> 'volume' AS volume, payload ->> 'size' AS size,
    payload ->> 'total_volume' AS total_volume, payload ->> 'bid' AS bid, payload ->> 'ask' AS ask,
    coalesce(payload ->> 'delayed', 0) AS delayed, coalesce(payload ->> 'time_source', 'trade') AS time_source,
    coalesce(payload ->> 'trade_us', ts_us) AS trade_us, ts_us, recorded_us
FROM events WHERE kind = 'equity_tick';
CREATE VIEW quotes AS
SELECT seq, ticker, strftime('%Y-%m-%dT%H:%M:%S', ts_us / 1000000, 'unixepoch') || printf('.%06dZ', ts_us % 1000000) AS time,
    payload ->> 'bid' AS bid, payload ->> 'ask' AS ask,
    payload ->> 'bid_size' AS bid_size, payload ->> 'ask_size' AS ask_size,
    coalesce(payload ->> 'delayed', 0) AS delayed, ts_us, recorded_us
FROM events WHERE kind = 'equity_quote' AND kind <> 'equity_tick';
CREATE VIEW options AS
SELECT seq, ticker, strftime('%Y-%m-%dT%H:%M:%S', ts_us / 1000000, 'unixepoch') || printf('.%06dZ', ts_us % 1000000) AS time,
    payload ->> 'symbol' AS symbol, payload ->> 'option_type' AS option_type, payload ->> 'strike' AS strike,
    payload ->> 'expiration' AS expiration, payload ->> 'bid' AS bid, payload ->> 'ask' AS ask,
    payload ->> 'last' AS last, payload ->> 'volume' AS volume, payload ->> 'open_interest' AS open_interest,
    payload ->> 'implied_volatility' AS implied_volatility, payload ->> 'delta' AS delta,
    payload ->> 'gamma' AS gamma, payload ->> 'theta' AS theta, payload ->> 'vega' AS vega, payload ->> 'rho' AS rho,
    coalesce(payload ->> 'delayed', 0) AS delayed, ts_us, recorded_us
FROM events WHERE kind = 'option_quote' AND kind <> 'equity_tick';
CREATE VIEW gaps AS
SELECT seq, CASE ticker WHEN '' THEN '*' ELSE ticker END AS ticker,
    strftime('%Y-%m-%dT%H:%M:%S', (payload ->> 'from_us') / 1000000, 'unixepoch') || printf('.%06dZ', (payload ->> 'from_us') % 1000000) AS started, strftime('%Y-%m-%dT%H:%M:%S', (payload ->> 'to_us') / 1000000, 'unixepoch') || printf('.%06dZ', (payload ->> 'to_us') % 1000000) AS ended,
    ((payload ->> 'to_us') - (payload ->> 'from_us')) / 1e6 AS seconds, payload ->> 'reason' AS reason,
    payload ->> 'from_us' AS from_us, payload ->> 'to_us' AS to_us, recorded_us
FROM events WHERE kind = 'feed_gap' AND kind <> 'equity_tick';
CREATE VIEW recordings AS
WITH marks AS (
    SELECT seq, kind, payload, recorded_us,
        lead(kind) OVER (ORDER BY seq) AS next_kind, lead(seq) OVER (ORDER BY seq) AS next_seq
    FROM events
    WHERE kind IN ('service_started', 'service_stopped') AND kind <> 'equity_tick' AND ticker = ''
), runs AS (
    SELECT seq AS first_seq, recorded_us AS started_us, payload ->> 'version' AS version, payload ->> 'pid' AS pid,
        CASE WHEN next_kind = 'service_stopped' THEN next_seq
             WHEN next_kind = 'service_started' THEN next_seq - 1
             ELSE (SELECT max(seq) FROM events) END AS last_seq,
        CASE WHEN next_kind = 'service_stopped' THEN (SELECT payload ->> 'reason' FROM events WHERE seq = next_seq)
             WHEN next_kind = 'service_started' THEN 'no stop on record'
             ELSE 'running' END AS how_it_ended
    FROM marks WHERE kind = 'service_started'
)
SELECT first_seq, last_seq, strftime('%Y-%m-%dT%H:%M:%S', started_us / 1000000, 'unixepoch') || printf('.%06dZ', started_us % 1000000) AS started,
    (SELECT strftime('%Y-%m-%dT%H:%M:%S', recorded_us / 1000000, 'unixepoch') || printf('.%06dZ', recorded_us % 1000000) FROM events WHERE seq = last_seq) AS ended,
    last_seq - first_seq + 1 AS events, how_it_ended, version, pid
FROM runs ORDER BY first_seq;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',234);
COMMIT;
